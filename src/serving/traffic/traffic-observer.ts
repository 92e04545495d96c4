/**
 * How a request ended: with a good answer; with an engine's refusal (4xx), or the gateway's for a limit; with a
 * failure; or its client left first.
 */
export const REQUEST_OUTCOMES = ["ok", "client_error", "refused", "failed", "cancelled"] as const;

export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

export function hasFailed(outcome: RequestOutcome): boolean {
  return outcome === "failed" || outcome === "refused";
}

/** Tokens of a request that was answered whole. */
export interface CountedTokens {
  /** Estimated by the request's bytes where the engine reports none. */
  readonly prompt: number;
  /** By frames with content where the engine reports none; null where the answer was no stream either. */
  readonly answer: number | null;
  /** Of the prompt, what was found in a cache; null where the engine does not say. */
  readonly cached: number | null;
  /** Whether the engine reported the prompt's. */
  readonly reported: boolean;
}

/** Receives every measure as it is taken; the telemetry implements it. Times in milliseconds. */
export interface TrafficObserver {
  firstFrame(pool: string, sinceArrivalMs: number): void;
  laterFrame(pool: string, sincePreviousMs: number): void;
  ended(pool: string, durationMs: number, outcome: RequestOutcome): void;
  /** A request that had no first byte was sent once more. */
  resent(pool: string): void;
  tokens(pool: string, counted: CountedTokens): void;
  /** By one of the reasons that clients are given. @param pool empty where none is known */
  refused(pool: string, reason: string): void;
}
