/**
 * How a request ended: with a good answer; with an engine's refusal (4xx), or the gateway's for a limit; with a
 * failure; or its client left first.
 */
export const REQUEST_OUTCOMES = ["ok", "client_error", "refused", "failed", "cancelled"] as const;

export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/**
 * Why a request went to a pool: a header asked for it; its part of the requests; its load, and what it remembers; no
 * other of the model; those of the model could not take it; another had been chosen and could not take it.
 */
export const POOL_CHOICE_REASONS = [
  "header",
  "weight",
  "load",
  "locality",
  "only",
  "fallback",
  "moved",
] as const;

export type PoolChoiceReason = (typeof POOL_CHOICE_REASONS)[number];

/** An answer to a request that was copied, or to its copy. */
export interface AnswerMeasures {
  /** 0 where there was none. */
  readonly status: number;
  /** Whether it is good, and whole. */
  readonly ok: boolean;
  /** Since it was asked for; null where none came. */
  readonly firstByteMs: number | null;
  readonly bytes: number;
  /** As the engine counts them; null where it does not. */
  readonly tokens: number | null;
}

export interface ShadowPair {
  readonly served: AnswerMeasures;
  readonly copy: AnswerMeasures;
}

/** A copy that ended, or was not sent; or both answers, once both are there. */
export type Shadowed = "ok" | "failed" | "dropped" | ShadowPair;

/**
 * What a proxy that asked where to send a request was told: an endpoint; that its client is over a limit, or that no
 * shard can take it now; that the request is at fault; or nothing, since the picker failed or the client left first.
 */
export const PICK_OUTCOMES = [
  "picked",
  "refused",
  "unavailable",
  "client_error",
  "failed",
  "cancelled",
] as const;

export type PickOutcome = (typeof PICK_OUTCOMES)[number];

/** What the client of a request got in the end. */
export interface Responded {
  /** What served it, as its pool calls it; empty where no pool was found. */
  readonly model: string;
  /** The status that was sent, 499 to a client that left first; null for that of `errorType`, a reason. */
  readonly status: number | null;
  /**
   * The reason that clients are given; `engine_error` where they were given the engine's own answer, or an error that
   * stood inside of it; `cancelled`; empty where all went well.
   */
  readonly errorType: string;
}

/** Tokens of a request that was answered whole. */
export interface CountedTokens {
  readonly model: string;
  /** Estimated by the request's bytes where the engine reports none. */
  readonly prompt: number;
  /** By frames with content where the engine reports none; null where the answer was no stream either. */
  readonly answer: number | null;
  /** Of the prompt, what was found in a cache; null where the engine does not say. */
  readonly cached: number | null;
  /** Whether the engine reported the prompt's. */
  readonly reported: boolean;
}

/**
 * Receives every measure as it is taken; the telemetry implements it. Times in milliseconds; a request that is traced
 * brings its trace's id.
 */
export interface TrafficObserver {
  firstFrame(pool: string, sinceArrivalMs: number, traceId: string | null): void;
  laterFrame(pool: string, sincePreviousMs: number): void;
  ended(pool: string, durationMs: number, outcome: RequestOutcome, traceId: string | null): void;
  /** Once for each that has ended. */
  responded(pool: string, responded: Responded): void;
  /** A request for a model with several places goes to that pool. @param model as clients ask for it */
  chosen(pool: string, model: string, why: PoolChoiceReason): void;
  /** @param pool the shadow's. @param model as clients ask for it */
  shadowed(pool: string, model: string, what: Shadowed): void;
  /** A request that had no first byte was sent once more. */
  resent(pool: string): void;
  /** One was not, since the retry budget was spent. */
  retryDenied(pool: string): void;
  tokens(pool: string, counted: CountedTokens): void;
  /** By one of the reasons that clients are given. @param pool empty where none is known */
  refused(pool: string, reason: string): void;
  /**
   * The endpoint picker was asked where to send a request.
   * @param pool empty where none is known
   * @param ms from the last byte of the request to the answer
   */
  picked(pool: string, outcome: PickOutcome, ms: number): void;
}
