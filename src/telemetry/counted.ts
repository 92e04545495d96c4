import type { RequestOutcome } from "../serving/traffic/traffic-observer.ts";
import type { PoolHistogram } from "./pool-histogram.ts";

/** Of requests that were answered whole. */
export interface TokenTotals {
  /** Requests whose prompts the engine counted, and those whose prompts are estimated. */
  reported: number;
  estimated: number;
  /** Tokens of prompts of which the engine says what was found in a cache: that, and the rest. */
  cached: number;
  uncached: number;
}

/** What has been counted since the start. */
export interface Counted {
  /** By pool, then by outcome. */
  readonly ended: ReadonlyMap<string, Readonly<Record<RequestOutcome, number>>>;
  /** By pool. */
  readonly resent: ReadonlyMap<string, number>;
  /** By pool, then by reason. */
  readonly refused: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** By pool. */
  readonly tokens: ReadonlyMap<string, TokenTotals>;
  readonly times: readonly PoolHistogram[];
}
