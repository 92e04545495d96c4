import { CANCELLED, type RequestRecord } from "../request-record.ts";

/** What of an answer's record is held against the truth. Times are milliseconds since the replay began. */
export interface SeenAnswer {
  readonly requestId: string;
  readonly scheduledMs: number;
  readonly endedMs: number;
  /** The step was over before it was. */
  readonly cut: boolean;
  readonly failed: boolean;
  /** When each frame with a token was read. */
  readonly readMs: Float64Array;
}

/** A step's answers are many: what is kept of one is little. */
export function seenAnswer(record: RequestRecord): SeenAnswer {
  const { requestId, scheduledMs, endedMs, failure, firstTokenMs, itlMs } = record;
  const readMs = new Float64Array(firstTokenMs === null ? 0 : itlMs.length + 1);
  if (firstTokenMs !== null) {
    readMs[0] = firstTokenMs;
    for (let i = 0; i < itlMs.length; i++) readMs[i + 1] = readMs[i] + itlMs[i];
  }
  const cut = failure === CANCELLED;
  return { requestId, scheduledMs, endedMs, cut, failed: failure !== null && !cut, readMs };
}
