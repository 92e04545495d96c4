import type { Scorer } from "../plug-in.ts";

/** Up to here a cache is taken to have room (the threshold of the Gateway API's inference extension). */
export const KV_ROOM = 0.8;
/** Beyond this chance a preemption is no more likely: the cost ends at 99 times the request. */
const MOST_CHANCE = 0.99;

/**
 * The work of pressing into a full cache. An engine that runs out of it preempts a request, and its tokens are
 * computed again. With the cache used to u by this request too, it is taken to be preempted with a chance of
 * p = (u − KV_ROOM) / (1 − KV_ROOM), each time it runs: p / (1 − p) times in all. Nothing where use is unknown.
 */
export const kvUse: Scorer = {
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const { count, kvCapacityTokens } = shards;
    const tokens = inputTokens + outputTokens;
    for (let shard = 0; shard < count; shard++) {
      const capacity = kvCapacityTokens[shard];
      const use = shards.kvUseNow(shard) + (capacity > 0 ? tokens / capacity : 0);
      if (!(use > KV_ROOM)) continue;
      const chance = Math.min(MOST_CHANCE, (use - KV_ROOM) / (1 - KV_ROOM));
      cost[shard] += weight * tokens * (chance / (1 - chance));
    }
  },
};
