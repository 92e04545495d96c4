import type { Scorer } from "../plug-in.ts";

/**
 * What a hop to another node in every layer adds to a token's work. Of DeepSeek-V3's work per prompt token 0.53 are
 * its routed experts, and the bytes of a node hop take 0.94 of the time of those (`nodeHopCost` in
 * core/cost/hop-cost.ts, H800). Micro-batches that overlap hide some of it, so this is the most it can be.
 */
export const TOKENS_PER_NODE_HOP = 0.5;
/** What a token adds to every rank's wait for its experts in a level pool: the 0.53 of its work that they are. */
export const TOKENS_PER_MARGINAL_LOAD = 0.53;

/**
 * The exchange between nodes and the wait for the busiest GPUs: every token of the request, in and out, takes the hops
 * to its experts from there, and adds its part to their load.
 */
export const expertAffinity: Scorer = {
  name: "expert-affinity",
  add({ experts, inputTokens, outputTokens }, { count }, weight, cost) {
    if (experts === null) return;
    const { nodeHops, marginalLoad } = experts;
    const tokens = weight * (inputTokens + outputTokens);
    for (let shard = 0; shard < count; shard++) {
      cost[shard] +=
        tokens * (TOKENS_PER_NODE_HOP * nodeHops[shard] + TOKENS_PER_MARGINAL_LOAD * marginalLoad[shard]);
    }
  },
};
