import type { Scorer } from "../plug-in.ts";

/** Up to this use a cache is taken to have space for more (the threshold of the Gateway API's inference extension). */
export const KV_AMPLE = 0.8;
/** Beyond this chance a preemption is no more likely: the cost ends at 99 times the request. */
const MOST_CHANCE = 0.99;

/**
 * The work that a full cache causes. An engine that has no cache left preempts a request, and computes its tokens
 * again. When this request brings the use to u, the chance that it is preempted is taken to be
 * p = (u − KV_AMPLE) / (1 − KV_AMPLE), each time it runs: p / (1 − p) times in all. Nothing where use is unknown.
 */
export const kvUse: Scorer = {
  name: "kv-use",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const tokens = inputTokens + outputTokens;
    for (let shard = 0; shard < shards.count; shard++) {
      const use = shards.kvUseNow(shard) + tokens * shards.kvUsePerToken(shard);
      if (!(use > KV_AMPLE)) continue;
      const chance = Math.min(MOST_CHANCE, (use - KV_AMPLE) / (1 - KV_AMPLE));
      cost[shard] += weight * tokens * (chance / (1 - chance));
    }
  },
};
