import type { LoadPlan } from "../load/load-plan.ts";
import type { ReplayOutcome } from "../replay.ts";
import { type Attainment, attainmentOf } from "./attainment.ts";
import type { StepVerdict } from "./find-max.ts";

/** What the steps of a curve differ by. */
export const CURVES = ["rate", "concurrency"] as const;
export type CurveKind = (typeof CURVES)[number];

/** What all steps of a curve have in common. */
export interface CurveSetting {
  readonly kind: CurveKind;
  readonly burstiness: number;
  /** Time at a step's begin that does not count. */
  readonly settleMs: number;
  /** Of what counts; Infinity where requests bound it. */
  readonly stepMs: number;
  readonly requests: number;
  readonly seed: number;
}

/** One step of a curve, played. */
export interface Step {
  /** Requests per second, or in flight. */
  readonly load: number;
  readonly plan: LoadPlan;
  readonly outcome: ReplayOutcome;
  /** Null where nobody judges requests. */
  readonly attainment: Attainment | null;
  readonly verdict: StepVerdict | null;
  /** It was clear that it is lost before it was over. */
  readonly stoppedEarly: boolean;
  /** Wall clock, milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export function stepPlan(load: number, setting: CurveSetting): LoadPlan {
  const { kind, burstiness, settleMs, stepMs, requests, seed } = setting;
  const course = { from: load, to: load, holdMs: 0, rampMs: 0 };
  return {
    pace: kind === "rate" ? { kind, course, burstiness } : { kind, streams: load },
    bounds: { warmUp: { requests: 0, ms: settleMs }, requests, durationMs: stepMs },
    seed,
  };
}

/**
 * What a step says of its load. Whatever a late client adds to latencies, requests at a rate that are good all the same
 * are good; in a closed loop it also asks for less than it should, and nothing can be said.
 * @param required the part of the requests that must be good, 0..1
 */
export function judged(
  { good, completed, failed, client }: ReplayOutcome,
  kind: CurveKind,
  required: number,
  stoppedEarly: boolean,
): Pick<Step, "attainment" | "verdict"> {
  if (good === null) return { attainment: null, verdict: null };
  const attainment = attainmentOf(good, completed + failed);
  const holds = !stoppedEarly && attainment.part !== null && attainment.part >= required;
  // Where too many were in flight the load was not kept, and that is the server's doing.
  if (client.held > 0) return { attainment, verdict: "lost" };
  if (!client.valid && !(holds && kind === "rate")) return { attainment, verdict: "client" };
  return { attainment, verdict: holds ? "held" : "lost" };
}
