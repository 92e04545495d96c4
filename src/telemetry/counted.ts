import type { PickOutcome, RequestOutcome } from "../serving/traffic/traffic-observer.ts";
import type { ResponseCounts } from "./response-counts.ts";

/** Of requests that were answered whole. */
export interface TokenTotals {
  /** Requests whose prompts the engine counted, and those whose prompts are estimated. */
  reported: number;
  estimated: number;
  /** Tokens of prompts of which the engine says what was found in a cache: that, and the rest. */
  cached: number;
  uncached: number;
}

/** Of one model's requests that were answered whole. */
export interface ModelTokens {
  prompt: number;
  /** Of the prompts, what engines say that they found in a cache. */
  cached: number;
  completion: number;
}

/** Of one model's copies at its shadow pool. */
export interface ShadowTotals {
  readonly copies: { ok: number; failed: number; dropped: number };
  /** Requests by which of their two answers were good. */
  readonly pairs: { both_ok: number; copy_failed: number; served_failed: number; both_failed: number };
  /** Of pairs of good answers. */
  readonly served: AnswerTotals;
  readonly copy: AnswerTotals;
}

export interface AnswerTotals {
  firstByteMs: number;
  bytes: number;
  /** Where both engines count theirs. */
  tokens: number;
}

/** What has been counted since the start. */
export interface Counted {
  /** By pool, then by outcome. */
  readonly ended: ReadonlyMap<string, Readonly<Record<RequestOutcome, number>>>;
  readonly responses: Pick<ResponseCounts, "read">;
  /** Of models with several places: by pool and model, the choices by their reason. */
  readonly chosen: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, number>>>;
  /** By shadow pool, then by model. */
  readonly shadowed: ReadonlyMap<string, ReadonlyMap<string, ShadowTotals>>;
  /** By pool. */
  readonly resent: ReadonlyMap<string, number>;
  readonly deniedRetries: ReadonlyMap<string, number>;
  /** By pool, then by reason. */
  readonly refused: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** By pool, then by outcome; empty where nothing asks for endpoints. */
  readonly picks: ReadonlyMap<string, Readonly<Record<PickOutcome, number>>>;
  /** By pool. */
  readonly tokens: ReadonlyMap<string, TokenTotals>;
  /** By pool, then by model. */
  readonly modelTokens: ReadonlyMap<string, ReadonlyMap<string, ModelTokens>>;
}
