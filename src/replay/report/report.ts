import type { ClientVerdict } from "../client/verdict.ts";
import type { PartSummary } from "../measures/breakdown.ts";
import type { DistributionSummary } from "../measures/distribution.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import type { LoadPlan } from "../load/load-plan.ts";
import type { TraceWindow } from "../load/trace-window.ts";
import type { ReplayOutcome } from "../replay.ts";
import type { Lengths } from "../request-body.ts";
import type { Endpoint } from "../target.ts";
import type { Json } from "./json.ts";
import { loadKeys, windowSeconds } from "./load-keys.ts";
import { stamp } from "./wall-clock.ts";
import { wholeMicroseconds } from "../../lib/whole-microseconds.ts";

/** What was replayed, against what, and how. */
export interface ReplaySetting {
  readonly trace: string;
  /** What the trace is, and how its lengths, and those of made-up text, were counted. */
  readonly traceFormat: string | null;
  readonly promptsBy: string;
  /** Rows of the trace that were left out: broken ones, and those that ask for nothing. */
  /** By the clock of its trace where it is missing. */
  readonly load?: LoadPlan;
  /** The part of the trace that was played; the whole where it is null or missing. */
  readonly traceWindow?: TraceWindow | null;
  /** How often the trace began; once where it is missing. */
  readonly tracePasses?: number;
  /** Processes that shared the load; one where it is missing. */
  readonly workers?: number;
  readonly traceBroken: number;
  readonly traceLeftOut: number;
  /** What of the trace may have been read otherwise than it was meant; nothing where it is missing. */
  readonly traceDoubts?: readonly string[];
  /** As people may see it. */
  readonly url: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly speed: number;
  readonly seed: number;
  readonly maxInFlight: number;
  readonly lengths: Lengths;
  readonly retries: number;
  readonly leaving: number;
  readonly timeoutMs: number | null;
  readonly goodput: GoodputTargets | null;
  /** Wall clock, milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Why the run ended before its load did; null where it did not. */
  readonly partial: string | null;
}

/** One JSON object: numbers by the names that `vllm bench serve` has for them, where it has them, and ours beside. */
export type ReplayReport = Readonly<Record<string, Json>>;

const SECOND = 1000;

/** docs/replay.md says what each key means. */
export function replayReport(setting: ReplaySetting, outcome: ReplayOutcome): ReplayReport {
  const seconds = outcome.durationMs / SECOND;
  const { inputTokens, outputTokens, completed, failed, client } = outcome;
  const ended = completed + failed;
  return {
    format: "plimsoll.replay/1",
    date: stamp(setting.startedAt),
    started_at: new Date(setting.startedAt).toISOString(),
    ended_at: new Date(setting.endedAt).toISOString(),
    partial: setting.partial,
    trace: setting.trace,
    trace_format: setting.traceFormat,
    prompts_counted_by: setting.promptsBy,
    trace_broken_rows: setting.traceBroken,
    trace_left_out_rows: setting.traceLeftOut,
    trace_doubts: setting.traceDoubts ?? [],
    url: setting.url,
    endpoint_type: setting.endpoint,
    model: setting.model,
    model_id: setting.model,
    speed: setting.speed,
    ...loadKeys(setting.load),
    trace_window_s: windowSeconds(setting.traceWindow ?? null),
    trace_passes: setting.tracePasses ?? 1,
    workers: setting.workers ?? 1,
    seed: setting.seed,
    max_in_flight: setting.maxInFlight,
    lengths: setting.lengths,
    retries: setting.retries,
    cancel: setting.leaving,
    timeout_ms: setting.timeoutMs,
    duration: seconds,
    num_prompts: outcome.sent,
    warm_up_requests: outcome.warmUps,
    sent: outcome.sent,
    completed,
    failed,
    cancelled: outcome.cancelled,
    left: outcome.left,
    retried: outcome.retried,
    failed_rate: ended === 0 ? null : failed / ended,
    failures: outcome.failures,
    error_texts: outcome.errorTexts,
    finish_reasons: outcome.finishReasons,
    max_concurrent_requests: outcome.maxInFlight,
    ...tokens(outcome),
    request_throughput: completed / seconds,
    request_goodput: outcome.good === null ? null : outcome.good / seconds,
    goodput_rate: outcome.good === null || ended === 0 ? null : outcome.good / ended,
    goodput_targets_ms: setting.goodput === null ? null : targets(setting.goodput),
    output_throughput: outputTokens / seconds,
    total_token_throughput: (inputTokens + outputTokens) / seconds,
    max_output_tokens_per_s: outcome.mostTokensInSecond,
    ...flat("ttft_ms", outcome.ttftMs),
    ...flat("tpot_ms", outcome.tpotMs),
    ...flat("itl_ms", outcome.itlMs),
    ...flat("e2el_ms", outcome.e2eMs),
    ...flat("ttft_from_send_ms", outcome.sentTtftMs),
    ...flat("e2el_from_send_ms", outcome.sentE2eMs),
    ...flat("schedule_delay_ms", outcome.scheduleDelayMs),
    ...flat("output_throughput_per_user", outcome.userTokensPerSecond),
    samples: {
      ttft: outcome.ttftMs?.count ?? 0,
      tpot: outcome.tpotMs?.count ?? 0,
      itl: outcome.itlMs?.count ?? 0,
      e2el: outcome.e2eMs?.count ?? 0,
    },
    client: clientPart(client),
    ...parts("shards", outcome.shards),
    ...parts("tenants", outcome.tenants),
    ...parts("epochs", outcome.epochs),
  };
}

function tokens(outcome: ReplayOutcome): ReplayReport {
  const { inputTokens, outputTokens, cachedTokens, cacheableTokens, frames, countedBy } = outcome;
  const held = frames.text + frames.reasoning + frames.tool;
  return {
    total_input_tokens: inputTokens,
    total_output_tokens: outputTokens,
    total_requested_output_tokens: outcome.askedTokens,
    short_answers: outcome.shortAnswers,
    long_answers: outcome.longAnswers,
    unknown_lengths: outcome.unknownLengths,
    total_reasoning_tokens: outcome.reasoningTokens,
    total_cached_tokens: cachedTokens,
    cached_rate: cachedTokens === null || cacheableTokens === 0 ? null : cachedTokens / cacheableTokens,
    /** Requests by where their count of output tokens is from. */
    output_tokens_counted_by: countedBy,
    frames,
    output_tokens_per_frame: held === 0 ? null : outputTokens / held,
  };
}

function clientPart(client: ClientVerdict): ReplayReport {
  return {
    valid: client.valid,
    why: client.why,
    late_requests: client.lateRequests,
    stalls: client.stalls,
    longest_stall_ms: wholeMicroseconds(client.longestStallMs),
    held_requests: client.held,
    longest_held_ms: wholeMicroseconds(client.longestHeldMs),
    p50_send_lateness_ms: client.sendLatenessMs?.p50 ?? null,
    p99_send_lateness_ms: client.sendLatenessMs?.p99 ?? null,
    max_send_lateness_ms: client.sendLatenessMs?.max ?? null,
    p50_loop_lateness_ms: client.loopLatenessMs?.p50 ?? null,
    p99_loop_lateness_ms: client.loopLatenessMs?.p99 ?? null,
    max_loop_lateness_ms: client.loopLatenessMs?.max ?? null,
  };
}

function targets({ ttftMs, tpotMs, e2eMs }: GoodputTargets): ReplayReport {
  return { ttft: ttftMs, tpot: tpotMs, e2el: e2eMs };
}

/** Left out where no request had such a key. */
function parts(name: string, summaries: Readonly<Record<string, PartSummary>>): ReplayReport {
  const entries = Object.entries(summaries);
  if (entries.length === 0) return {};
  return { [name]: Object.fromEntries(entries.map(([key, part]) => [key, partReport(part)])) };
}

function partReport({ completed, failed, outputTokens, ttftMs, tpotMs }: PartSummary): ReplayReport {
  return {
    completed,
    failed,
    total_output_tokens: outputTokens,
    ...few("ttft_ms", ttftMs),
    ...few("tpot_ms", tpotMs),
  };
}

function few(metric: string, summary: DistributionSummary | null): ReplayReport {
  return {
    [`mean_${metric}`]: summary?.mean ?? null,
    [`p50_${metric}`]: summary?.p50 ?? null,
    [`p95_${metric}`]: summary?.p95 ?? null,
    [`p99_${metric}`]: summary?.p99 ?? null,
  };
}

function flat(metric: string, summary: DistributionSummary | null): ReplayReport {
  return {
    [`mean_${metric}`]: summary?.mean ?? null,
    [`median_${metric}`]: summary?.p50 ?? null,
    [`std_${metric}`]: summary?.std ?? null,
    [`min_${metric}`]: summary?.min ?? null,
    [`max_${metric}`]: summary?.max ?? null,
    [`p50_${metric}`]: summary?.p50 ?? null,
    [`p75_${metric}`]: summary?.p75 ?? null,
    [`p90_${metric}`]: summary?.p90 ?? null,
    [`p95_${metric}`]: summary?.p95 ?? null,
    [`p99_${metric}`]: summary?.p99 ?? null,
    [`p99.9_${metric}`]: summary?.["p99.9"] ?? null,
  };
}
