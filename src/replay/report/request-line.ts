import type { RequestRecord } from "../request-record.ts";
import { wholeMicroseconds } from "../../lib/whole-microseconds.ts";

/** Of a server's words about an error. */
const LONGEST_TEXT = 1000;

/**
 * One line of `requests.jsonl`: milliseconds, to the microsecond. docs/replay.md says what each key means.
 * @param beganAt the replay's beginning by the wall clock, milliseconds since 1970
 * @param more    keys of the run that it is of
 */
export function requestLine(
  record: RequestRecord,
  beganAt: number,
  more: Readonly<Record<string, number>> = {},
): string {
  const { sentMs, scheduledMs, ttftMs, e2eMs } = record;
  const late = sentMs === null ? null : sentMs - scheduledMs;
  return JSON.stringify({
    ...more,
    index: record.index,
    request_id: record.requestId,
    scheduled_at: new Date(beganAt + scheduledMs).toISOString(),
    sent_at: sentMs === null ? null : new Date(beganAt + sentMs).toISOString(),
    scheduled_ms: wholeMicroseconds(scheduledMs),
    schedule_delay_ms: wholeMicroseconds(record.delayMs),
    ...(record.heldMs > 0 ? { held_ms: wholeMicroseconds(record.heldMs) } : {}),
    sent_ms: orNull(sentMs),
    headers_ms: orNull(record.headersMs),
    first_token_ms: orNull(record.firstTokenMs),
    last_token_ms: orNull(record.lastTokenMs),
    ended_ms: wholeMicroseconds(record.endedMs),
    status: record.status,
    error: record.failure,
    ...(record.errorText === null ? {} : { error_text: record.errorText.slice(0, LONGEST_TEXT) }),
    attempts: record.attempts,
    finish_reason: record.finishReason,
    input_len: record.inputTokens,
    cached_tokens: record.cachedTokens,
    requested_output_len: record.askedTokens,
    output_len: record.outputTokens,
    output_len_from: record.tokensFrom,
    ...(record.reasoningTokens === null ? {} : { reasoning_tokens: record.reasoningTokens }),
    frames: seen(record.frames),
    ttft_ms: orNull(ttftMs),
    e2el_ms: wholeMicroseconds(e2eMs),
    ttft_from_send_ms: ttftMs === null || late === null ? null : wholeMicroseconds(ttftMs - late),
    e2el_from_send_ms: late === null ? null : wholeMicroseconds(e2eMs - late),
    itl_ms: record.itlMs.map(wholeMicroseconds),
    ...(record.shard === null ? {} : { shard: record.shard }),
    ...(record.epoch === null ? {} : { epoch: record.epoch }),
    ...whoAsks(record.request),
    ...(record.serverRequestId === null ? {} : { server_request_id: record.serverRequestId }),
    ...(record.warmUp ? { warm_up: true } : {}),
    ...(record.clientLate ? { client_late: true } : {}),
  });
}

/** What the trace says of it, as far as it does. */
function whoAsks({ tenant, session, turn, trafficClass }: RequestRecord["request"]): object {
  return { tenant, session, turn, class: trafficClass };
}

/** Kinds of frames that came at all. */
function seen(frames: RequestRecord["frames"]): Record<string, number> {
  return Object.fromEntries(Object.entries(frames).filter(([, count]) => count > 0));
}

function orNull(ms: number | null): number | null {
  return ms === null ? null : wholeMicroseconds(ms);
}
