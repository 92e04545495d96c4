import type { DistributionSummary } from "./distribution.ts";
import type { ReplaySummary } from "./measures.ts";
import type { RequestRecord } from "./request-record.ts";

/** What was replayed, and against what. */
export interface ReplaySetting {
  readonly trace: string;
  readonly server: URL;
  readonly model: string;
  readonly speed: number;
  readonly seed: number;
  readonly maxInFlight: number;
}

/** One flat JSON object, its keys those of `vllm bench serve` where it has them. */
export type ReplayReport = Readonly<
  Record<string, string | number | null | Readonly<Record<string, number>>>
>;

/**
 * The report of a replay: seconds in `duration`, tokens and requests per second of completed requests in
 * `*_throughput`, and `{mean,p50,p90,p95,p99}_{ttft,tpot,itl,e2el,schedule_delay}_ms`. TPOT leaves out the
 * first token: (e2e − TTFT) / (output tokens − 1).
 */
export function replayReport(setting: ReplaySetting, summary: ReplaySummary): ReplayReport {
  const seconds = summary.durationMs / 1000;
  const { inputTokens, outputTokens } = summary;
  return {
    format: "plimsoll.replay/1",
    trace: setting.trace,
    url: setting.server.href,
    model: setting.model,
    speed: setting.speed,
    seed: setting.seed,
    max_in_flight: setting.maxInFlight,
    duration: seconds,
    sent: summary.sent,
    completed: summary.completed,
    failed: summary.failed,
    cancelled: summary.cancelled,
    failures: summary.failures,
    max_concurrent_requests: summary.maxInFlight,
    total_input_tokens: inputTokens,
    total_output_tokens: outputTokens,
    request_throughput: summary.completed / seconds,
    output_throughput: outputTokens / seconds,
    total_token_throughput: (inputTokens + outputTokens) / seconds,
    ...flat("ttft", summary.ttftMs),
    ...flat("tpot", summary.tpotMs),
    ...flat("itl", summary.itlMs),
    ...flat("e2el", summary.e2eMs),
    ...flat("schedule_delay", summary.scheduleDelayMs),
  };
}

function flat(metric: string, summary: DistributionSummary | null): Record<string, number | null> {
  return {
    [`mean_${metric}_ms`]: summary?.mean ?? null,
    [`p50_${metric}_ms`]: summary?.p50 ?? null,
    [`p90_${metric}_ms`]: summary?.p90 ?? null,
    [`p95_${metric}_ms`]: summary?.p95 ?? null,
    [`p99_${metric}_ms`]: summary?.p99 ?? null,
  };
}

/** One line of `requests.jsonl`: milliseconds, to the microsecond. */
export function requestLine(record: RequestRecord): string {
  return JSON.stringify({
    index: record.index,
    scheduled_ms: rounded(record.scheduledMs),
    schedule_delay_ms: rounded(record.delayMs),
    error: record.failure,
    input_len: record.inputTokens,
    output_len: record.outputTokens,
    ttft_ms: record.ttftMs === null ? null : rounded(record.ttftMs),
    e2el_ms: rounded(record.e2eMs),
    itl_ms: record.itlMs.map(rounded),
  });
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
