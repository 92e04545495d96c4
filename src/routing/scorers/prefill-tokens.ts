import type { Scorer } from "../plug-in.ts";

/**
 * DeepSeek's objective for prefill: equal input tokens on every rank. The prompt tokens that are computed before the
 * request's own; requests of other gateways count as the mean of ours in flight.
 */
export const prefillTokens: Scorer = {
  name: "prefill-tokens",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const { count, requests } = shards;
    const mean = shards.meanTokens(inputTokens + outputTokens);
    for (let shard = 0; shard < count; shard++) {
      cost[shard] +=
        weight * (shards.prefillLeft(shard) + (shards.requestsNow(shard) - requests[shard]) * mean);
    }
  },
};
