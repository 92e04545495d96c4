import type { Picker } from "../plug-in.ts";

/**
 * Tokens by which shards differ in earnest. Below that the scorers are guessing: a tokenizer's count of a prompt of
 * 1,000 tokens is easily an eighth away from its bytes over four.
 */
export const MARGIN_TOKENS = 128;

/**
 * At random among the shards within `MARGIN_TOKENS` of the least cost; the chance falls linearly, from the least cost
 * to none at the margin. Gateways that do not see each other's requests then do not all take the same shard.
 */
export const weightedBest: Picker<unknown, unknown> = (cost, eligible, _shards, rng) => {
  let least = Number.POSITIVE_INFINITY;
  for (let shard = 0; shard < cost.length; shard++) {
    if (eligible[shard] === 1 && cost[shard] < least) least = cost[shard];
  }
  const limit = least + MARGIN_TOKENS;
  let chances = 0;
  for (let shard = 0; shard < cost.length; shard++) {
    if (eligible[shard] === 1 && cost[shard] < limit) chances += limit - cost[shard];
  }
  let left = rng.uniform() * chances;
  let chosen = -1;
  for (let shard = 0; shard < cost.length && left >= 0; shard++) {
    if (eligible[shard] === 0 || cost[shard] >= limit) continue;
    chosen = shard;
    left -= limit - cost[shard];
  }
  return chosen;
};
