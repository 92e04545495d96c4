import { CANCELLED } from "../../request-record.ts";
import { figuresTpotMs, type RequestFigures } from "../request-figures.ts";

export interface AiperfError {
  readonly code: number | null;
  readonly type: string;
  readonly message: string;
}

/** HTTP's word for a client that went away, which aiperf has for cancelled requests. */
const CLIENT_CLOSED = 499;
const WORKER = "plimsoll";

/**
 * One line of aiperf's `profile_export.jsonl` (0.13): its times count from the send, which is `request_start_ns`;
 * `credit_issued_ns` is the scheduled start.
 */
export function aiperfRecord(figures: RequestFigures): string {
  const { beganAt, scheduledMs, sentMs, headersMs, endedMs, error, index, session, turn } = figures;
  const cancelled = error === CANCELLED;
  const own = session ?? `request-${index}`;
  const rest = JSON.stringify({
    session_num: index,
    x_request_id: figures.requestId,
    x_correlation_id: own,
    conversation_id: own,
    turn_index: turn === null ? 0 : Math.max(0, turn - 1),
    worker_id: WORKER,
    record_processor_id: WORKER,
    benchmark_phase: figures.warmUp ? "warmup" : "profiling",
    was_cancelled: cancelled,
  });
  const stamps = [
    `"credit_issued_ns":${nanoseconds(beganAt, scheduledMs)}`,
    `"request_start_ns":${nanoseconds(beganAt, sentMs ?? scheduledMs)}`,
    ...(headersMs === null ? [] : [`"request_ack_ns":${nanoseconds(beganAt, headersMs)}`]),
    `"request_end_ns":${nanoseconds(beganAt, endedMs)}`,
    ...(cancelled ? [`"cancellation_time_ns":${nanoseconds(beganAt, endedMs)}`] : []),
  ];
  const metadata = `{${stamps.join(",")},${rest.slice(1)}`;
  const metrics = JSON.stringify(error === null ? metricsOf(figures) : failedMetrics(figures));
  return `{"metadata":${metadata},"metrics":${metrics},"error":${JSON.stringify(aiperfError(figures))}}`;
}

/** Null for a completed request. */
export function aiperfError({ error, status, errorText }: RequestFigures): AiperfError | null {
  if (error === null) return null;
  const code = error === CANCELLED ? CLIENT_CLOSED : status;
  return { code, type: error, message: errorText ?? error };
}

interface Metric {
  readonly value: number | readonly number[];
  readonly unit: string;
}

function metricsOf(figures: RequestFigures): Record<string, Metric> {
  const { sentTtftMs, sentE2eMs, itlMs, inputTokens, outputTokens, reasoningTokens } = figures;
  const tpot = figuresTpotMs(figures);
  const entries: [name: string, value: number | readonly number[] | null, unit: string][] = [
    ["request_latency", sentE2eMs, "ms"],
    ["time_to_first_token", sentTtftMs, "ms"],
    ["time_to_second_token", itlMs.at(0) ?? null, "ms"],
    ["inter_token_latency", tpot, "ms"],
    ["inter_chunk_latency", itlMs.length === 0 ? null : itlMs, "ms"],
    ["output_token_throughput_per_user", tpot === null || tpot === 0 ? null : 1000 / tpot, "tokens/sec/user"],
    ["input_sequence_length", inputTokens, "tokens"],
    ["output_sequence_length", outputTokens, "tokens"],
    ["output_token_count", outputTokens - (reasoningTokens ?? 0), "tokens"],
    ["reasoning_token_count", reasoningTokens, "tokens"],
  ];
  return Object.fromEntries(
    entries.flatMap(([name, value, unit]) => (value === null ? [] : [[name, { value, unit }]])),
  );
}

function failedMetrics({ inputTokens }: RequestFigures): Record<string, Metric> {
  return { error_isl: { value: inputTokens, unit: "tokens" } };
}

/** Nanoseconds since 1970 as digits: a number would not hold them. */
function nanoseconds(beganAt: number, ms: number): string {
  return `${Math.round((beganAt + ms) * 1000)}000`;
}
