/**
 * How a request ended: with a good answer; with an engine's refusal (4xx), or the gateway's for a limit; with a
 * failure; or its client left first.
 */
export const REQUEST_OUTCOMES = ["ok", "client_error", "refused", "failed", "cancelled"] as const;

export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/** Receives every measure as it is taken; the telemetry implements it. Times in milliseconds. */
export interface TrafficObserver {
  firstFrame(pool: string, sinceArrivalMs: number): void;
  laterFrame(pool: string, sincePreviousMs: number): void;
  ended(pool: string, durationMs: number, outcome: RequestOutcome): void;
  /** A request that had no first byte was sent once more. */
  resent(pool: string): void;
  /** By one of the reasons that clients are given. @param pool empty where none is known */
  refused(pool: string, reason: string): void;
}
