import type { TraceRequest } from "../model/traffic.ts";
import type { RequestRecord } from "./request-record.ts";

export interface ScheduledRequest {
  /** Position in the trace, from 0; its prompt follows from it. */
  readonly index: number;
  /** When to send it, milliseconds after the replay began. What is past is sent at once, and counts as late. */
  readonly startMs: number;
  /** Nobody waits for it yet: where it is made ready later than its start, that is its start. */
  readonly whenReady?: boolean;
  /** As the request has it, on the replay's clock; 0 where it is missing. */
  readonly thinkMs?: number;
  readonly request: TraceRequest;
  /** It is sent and read, and does not count. */
  readonly warmUp?: boolean;
}

/** A request on its way. Neither promise ever rejects. */
export interface Sending {
  /** Resolves when it is sent: true. False when the replay was stopped before. */
  readonly sent: Promise<boolean>;
  /** Resolves when it is over; null when it was never sent. */
  readonly ended: Promise<RequestRecord | null>;
}

/** What a load has of the replay that plays it. */
export interface Sender {
  /** Milliseconds since the replay began. */
  now(): number;
  /** Aborted when the replay is to end: nothing is sent any more. */
  readonly signal: AbortSignal;
  /**
   * Makes the request ready now, and sends it at its start, or later while as many are in flight as may be. Requests
   * may be given in any order; what is given waits in memory.
   */
  at(scheduled: ScheduledRequest): Sending;
}

/**
 * The shape of a load: which requests are sent when. An open loop follows a clock, whatever became of earlier
 * requests; a closed loop, or a conversation, waits for `ended` before it gives the next.
 */
export interface Load {
  /** When the last request starts, at the latest, milliseconds after the replay began; null where that is not known. */
  readonly endsAtMs: number | null;
  /** From when requests count, milliseconds after the replay began; null for the start of the first that does. 0 where it is missing. */
  readonly countsFromMs?: number | null;
  /** When the last request that counts starts at the latest, where time bounds the load. */
  readonly countsToMs?: number | null;
  /** How long of that time nothing was to arrive, since somebody paused the load; nobody can where it is missing. */
  pausedMs?(fromMs: number, toMs: number): number;
  /** Resolves when everything has been given; what is in flight then still ends. */
  play(sender: Sender): Promise<void>;
}
