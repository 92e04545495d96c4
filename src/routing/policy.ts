import type { Rng } from "../lib/rng.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";

/** What routing knows of a pool's shards; a shard is its index in the pool's list. */
export interface ShardLoads {
  /** `[shards]`: requests this gateway has in flight on each. */
  readonly requests: ReadonlyNumbers;
  /** `[shards]`: tokens those requests were estimated at. */
  readonly tokens: ReadonlyNumbers;
}

/** What routing knows of a request. */
export interface Choice {
  readonly shards: number;
  readonly loads: ShardLoads;
  /** Shards that could not be reached for this request. */
  readonly tried: readonly number[];
}

/** May this shard serve the request? */
export type Filter = (choice: Choice, shard: number) => boolean;

/** The cost of serving the request on this shard; the least is best. */
export type Scorer = (choice: Choice, shard: number) => number;

/** A way to choose: shards that pass every filter are compared by the first scorer, equals by the next, and so on. */
export interface Policy {
  readonly filters: readonly Filter[];
  readonly scorers: readonly Scorer[];
}

/**
 * Filters, scores and picks; among equals by every score the generator decides, each with the same chance.
 * @returns the shard, or -1 when no shard passes the filters
 */
export function chooseShard(policy: Policy, choice: Choice, rng: Rng): number {
  let best = -1;
  let equals = 0;
  for (let shard = 0; shard < choice.shards; shard++) {
    if (!policy.filters.every((passes) => passes(choice, shard))) continue;
    const order = best < 0 ? -1 : compare(policy.scorers, choice, shard, best);
    if (order < 0) {
      best = shard;
      equals = 1;
    } else if (order === 0) {
      equals++;
      if (rng.below(equals) === 0) best = shard;
    }
  }
  return best;
}

function compare(scorers: readonly Scorer[], choice: Choice, a: number, b: number): number {
  for (const score of scorers) {
    const difference = score(choice, a) - score(choice, b);
    if (difference !== 0) return difference;
  }
  return 0;
}
