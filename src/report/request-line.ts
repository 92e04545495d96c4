import type { RequestRecord } from "../twin/run/run-log.ts";

/** What a request waited for; null where it never came so far. */
export interface RequestTimes {
  /** From its arrival to its first token, and to its last. */
  readonly ttftMs: number | null;
  readonly e2eMs: number | null;
  /** Between its tokens, the first left out; null where there is only one. */
  readonly tpotMs: number | null;
}

export function requestTimes(record: RequestRecord): RequestTimes {
  const { outcome, arrivalMs, firstTokenMs, endMs, outputTokens } = record;
  const done = outcome === "completed";
  const several = done && firstTokenMs !== null && outputTokens > 1;
  return {
    ttftMs: firstTokenMs === null ? null : firstTokenMs - arrivalMs,
    e2eMs: done ? endMs - arrivalMs : null,
    tpotMs: several ? (endMs - firstTokenMs) / (outputTokens - 1) : null,
  };
}

/** One line of `requests.jsonl`: the names of `replay` where it has them; milliseconds, to the microsecond. */
export function requestLine(policy: string, record: RequestRecord): string {
  const { ttftMs, e2eMs, tpotMs } = requestTimes(record);
  return JSON.stringify({
    policy,
    index: record.id,
    outcome: record.outcome,
    reason: record.reason,
    arrival_ms: rounded(record.arrivalMs),
    started_ms: rounded(record.startedMs),
    end_ms: rounded(record.endMs),
    input_len: record.inputTokens,
    output_len: record.outputTokens,
    cached_len: record.cachedTokens,
    ttft_ms: rounded(ttftMs),
    tpot_ms: rounded(tpotMs),
    e2el_ms: rounded(e2eMs),
    pool: record.pool,
    rank: record.rank,
    decode_pool: record.decodePool,
    decode_rank: record.decodeRank,
    preemptions: record.preemptions,
  });
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1000;
}
