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

/** What has been counted since the start. */
export interface Counted {
  /** By pool, then by outcome. */
  readonly ended: ReadonlyMap<string, Readonly<Record<RequestOutcome, number>>>;
  readonly responses: Pick<ResponseCounts, "read">;
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
