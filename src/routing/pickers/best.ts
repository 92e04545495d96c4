import type { Picker } from "../plug-in.ts";

/** The least cost; among equals each has the same chance. */
export const best: Picker = (cost, eligible, _shards, rng) => {
  let chosen = -1;
  let least = Number.POSITIVE_INFINITY;
  let equals = 0;
  for (let shard = 0; shard < cost.length; shard++) {
    if (eligible[shard] === 0 || cost[shard] > least) continue;
    equals = cost[shard] < least ? 1 : equals + 1;
    least = cost[shard];
    if (equals === 1 || rng.below(equals) === 0) chosen = shard;
  }
  return chosen;
};
