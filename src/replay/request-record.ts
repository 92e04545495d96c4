/** The failure of a request that was still in flight when the replay was stopped. */
export const CANCELLED = "cancelled";

/** What became of one request. Times are milliseconds. */
export interface RequestRecord {
  /** Position in the trace, from 0. */
  readonly index: number;
  /** When the trace wanted it sent, after the replay began. */
  readonly scheduledMs: number;
  /** How much later it was sent: the generator fell behind, or too many requests were in flight. */
  readonly delayMs: number;
  /**
   * Null when the response came whole. Else CANCELLED, `http_503` and the like, a connection's error code
   * (`ECONNRESET`), `error_frame` (the stream told of an error) or `incomplete_stream` (it ended too soon).
   */
  readonly failure: string | null;
  /** By the server's usage, else as the trace has it. */
  readonly inputTokens: number;
  /** By the server's usage, else the frames that carried content. */
  readonly outputTokens: number;
  /** From the scheduled start to the first frame with content; null when none came. */
  readonly ttftMs: number | null;
  /** Between one frame with content and the next. */
  readonly itlMs: readonly number[];
  /** From the scheduled start to the stream's end. */
  readonly e2eMs: number;
}
