import type { TraceRequest } from "../model/traffic.ts";
import type { FrameCounts, TokensFrom } from "./answer/answer.ts";

/** The failure of a request that was still in flight when the replay was stopped. */
export const CANCELLED = "cancelled";
/** What a request came to whose user left before its end, as asked for: neither completed nor failed. */
export const LEFT = "left";

/** What became of one request. Times are milliseconds, those since the replay began unless they say otherwise. */
export interface RequestRecord {
  /** Position in the trace, from 0. */
  readonly index: number;
  readonly request: TraceRequest;
  /** The `x-request-id` it was sent with. */
  readonly requestId: string;
  /** When the load wanted it sent. */
  readonly scheduledMs: number;
  /** How much later than scheduled it left the generator: it fell behind, or too many requests were in flight. */
  readonly delayMs: number;
  /** The part of the delay for which as many were in flight as may be. */
  readonly heldMs: number;
  /** When it was handed to a connected socket, the last of its attempts; null when none was there. */
  readonly sentMs: number | null;
  readonly headersMs: number | null;
  readonly firstTokenMs: number | null;
  readonly lastTokenMs: number | null;
  /** When its response was over, `[DONE]` and all. */
  readonly endedMs: number;
  /** How often it was sent: more than once where the server said to come back. */
  readonly attempts: number;
  /** HTTP's; null when no response came. */
  readonly status: number | null;
  /**
   * Null when the answer came whole. Else CANCELLED, LEFT, `http_503` and the like, a connection's error code
   * (`ECONNRESET`), `timeout`, `error_frame` (the stream said that it failed, or cannot be read), `finish_abort` and the
   * like (it ended with this finish reason), `no_token` (it ended well with nothing in it), `incomplete_stream` (it
   * ended too soon); of answers in one piece `error_body` and `unreadable_body`; `encoded_body` where it is compressed.
   */
  readonly failure: string | null;
  /** The server's own words about a failure, or the system's about a connection. */
  readonly errorText: string | null;
  readonly finishReason: string | null;
  /** By the server's usage, else as the trace has it. */
  readonly inputTokens: number;
  /** Of the input, by the server's prefix cache; null where it does not say. */
  readonly cachedTokens: number | null;
  /** How many output tokens were asked for. */
  readonly askedTokens: number;
  /** By `tokensFrom`. */
  readonly outputTokens: number;
  readonly reasoningTokens: number | null;
  readonly tokensFrom: TokensFrom;
  readonly frames: FrameCounts;
  /** From the scheduled start to the first token; null when none came. */
  readonly ttftMs: number | null;
  /** Between one frame with tokens and the next. */
  readonly itlMs: readonly number[];
  /** From the scheduled start to the last token; to the end of a response that has none. */
  readonly e2eMs: number;
  /** As Plimsoll names them, the last shard that answered; null where the server is another. */
  readonly shard: string | null;
  readonly epoch: number | null;
  /** The server's `x-request-id`, where it is another one than was sent; else its answer's own `id`. */
  readonly serverRequestId: string | null;
  /** The client itself was late with it, or stood still meanwhile: its times are not the server's. */
  readonly clientLate: boolean;
  /** It was sent and read, and counts nowhere. */
  readonly warmUp: boolean;
}

/** Per token after the first; null where there is none. */
export function tpotMs(record: RequestRecord): number | null {
  const { ttftMs, e2eMs, outputTokens } = record;
  return ttftMs === null || outputTokens < 2 ? null : (e2eMs - ttftMs) / (outputTokens - 1);
}

/** How much later than scheduled it was on its way: what latencies that count from the send leave out. */
export function sentLateMs(record: RequestRecord): number | null {
  return record.sentMs === null ? null : record.sentMs - record.scheduledMs;
}
