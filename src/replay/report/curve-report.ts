import type { FoundMax } from "../curve/find-max.ts";
import type { CurveSetting, Step } from "../curve/step.ts";
import { emptyOutcome } from "./empty-outcome.ts";
import type { Json } from "./json.ts";
import { type ReplayReport, type ReplaySetting, replayReport } from "./report.ts";

const SECOND = 1000;

/** Keys that all steps of a curve share. */
const COMMON = [
  "trace",
  "trace_format",
  "prompts_counted_by",
  "trace_broken_rows",
  "trace_left_out_rows",
  "trace_doubts",
  "trace_window_s",
  "trace_passes",
  "workers",
  "url",
  "endpoint_type",
  "model",
  "model_id",
  "seed",
  "max_in_flight",
  "lengths",
  "retries",
  "cancel",
  "timeout_ms",
  "goodput_targets_ms",
];

/** A curve as it was asked for, and what was found on it. */
export interface Curve {
  readonly setting: CurveSetting;
  /** As asked for; steps between them may follow. */
  readonly loads: readonly number[];
  /** The part of a step's requests that must be good, where any is judged. */
  readonly attainment: number;
  /** In the order in which they were played. */
  readonly steps: readonly Step[];
  /** Null where nobody asked for it. */
  readonly max: FoundMax | null;
  readonly precision: number;
}

/** The setting of a step's report follows from it and the curve's. */
export type CommonSetting = Omit<ReplaySetting, "load" | "startedAt" | "endedAt" | "partial">;

/** One JSON object. docs/replay.md says what each key means. */
export function curveReport(
  common: CommonSetting,
  times: Pick<ReplaySetting, "startedAt" | "endedAt" | "partial">,
  curve: Curve,
): ReplayReport {
  const all = replayReport({ ...common, ...times }, emptyOutcome(common.goodput));
  const { kind, burstiness, settleMs, stepMs, requests } = curve.setting;
  return {
    format: "plimsoll.replay-curve/1",
    date: all.date,
    started_at: all.started_at,
    ended_at: all.ended_at,
    partial: times.partial,
    ...Object.fromEntries(COMMON.map((key) => [key, all[key]])),
    sweep: kind,
    loads: curve.loads,
    burstiness: kind === "concurrency" ? null : Number.isFinite(burstiness) ? burstiness : "inf",
    settle_seconds: settleMs / SECOND,
    step_seconds: Number.isFinite(stepMs) ? stepMs / SECOND : null,
    step_requests: Number.isFinite(requests) ? requests : null,
    attainment: common.goodput === null ? null : curve.attainment,
    ...maxKeys(curve),
    steps: curve.steps.map((step) => stepReport(common, step)),
  };
}

function maxKeys({ max, precision, steps }: Curve): ReplayReport {
  if (max === null) return {};
  const held = steps.find(({ load }) => load === max.held);
  const lost = steps.find(({ load }) => load === max.lost);
  return {
    max_load: max.held,
    max_load_below: max.lost,
    max_load_by_client: max.byClient,
    max_load_precise: max.precise,
    max_load_precision: precision,
    max_load_good_rate: held?.attainment?.part ?? null,
    max_load_good_rate_95: held?.attainment?.interval ?? null,
    max_load_below_good_rate: lost?.attainment?.part ?? null,
    max_load_below_good_rate_95: lost?.attainment?.interval ?? null,
  };
}

function stepReport(common: CommonSetting, step: Step): Json {
  const { load, plan, outcome, attainment, verdict, stoppedEarly, startedAt, endedAt } = step;
  const partial = stoppedEarly ? "lost before it was over" : null;
  const report = replayReport({ ...common, load: plan, startedAt, endedAt, partial }, outcome);
  return {
    step_load: load,
    verdict,
    good_rate_95: attainment?.interval ?? null,
    ...report,
    ...windowKeys(step),
  };
}

/**
 * Rates of a step are those of its own time: answers that end while others start, whoever they are of. Good requests are
 * of those that start in it.
 */
function windowKeys({ outcome, stoppedEarly }: Step): ReplayReport {
  const { window, good } = outcome;
  if (window === null || stoppedEarly) return {};
  const { seconds, completed, outputTokens } = window;
  return {
    window_seconds: seconds,
    request_throughput: completed / seconds,
    output_throughput: outputTokens / seconds,
    request_goodput: good === null ? null : good / seconds,
  };
}
