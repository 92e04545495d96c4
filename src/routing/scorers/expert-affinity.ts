import type { Scorer } from "../plug-in.ts";

/**
 * What a hop to another node in every layer adds to a token's work. Of DeepSeek-V3's work per prompt token 0.53 are
 * its routed experts, and the bytes of a node hop take 0.94 of the time of those (`nodeHopCost` in
 * core/cost/hop-cost.ts, H800). Micro-batches that overlap hide some of it, so this is the most it can be.
 */
export const TOKENS_PER_NODE_HOP = 0.5;

/** The exchange between nodes: every token of the request, in and out, takes the hops to its experts from there. */
export const expertAffinity: Scorer = {
  add({ nodeHops, inputTokens, outputTokens }, { count }, weight, cost) {
    if (nodeHops === null) return;
    const tokensPerHop = weight * (inputTokens + outputTokens) * TOKENS_PER_NODE_HOP;
    for (let shard = 0; shard < count; shard++) cost[shard] += tokensPerHop * nodeHops[shard];
  },
};
