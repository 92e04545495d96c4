import type { Scorer } from "../plug-in.ts";

/**
 * Others' requests that wait in the engine's own queue go before the request is even begun, each taken for the mean
 * request in flight. What waits of the gateways' own is known by its prompts (`in-flight-tokens`).
 */
export const queueDepth: Scorer = {
  name: "queue-depth",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const mean = shards.meanTokens(inputTokens + outputTokens);
    for (let shard = 0; shard < shards.count; shard++) {
      const others = shards.requestsNow(shard) - shards.requests[shard];
      cost[shard] += weight * Math.min(others, shards.waitingNow(shard)) * mean;
    }
  },
};
