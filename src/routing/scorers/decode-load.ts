import type { Scorer } from "../plug-in.ts";

/**
 * DeepSeek's objectives for decode: equal use of the KV cache, which attention reads in every step, and equally many
 * requests, each of which sends a token to its experts in every step. A request counts as many tokens as the mean one
 * in flight has, so that both objectives weigh the same. Where the engine does not report its cache, what the gateway
 * has in flight is taken instead.
 */
export const decodeLoad: Scorer = {
  name: "decode-load",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const { count, requests, tokens, kvCapacityTokens } = shards;
    const mean = shards.meanTokens(inputTokens + outputTokens);
    for (let shard = 0; shard < count; shard++) {
      const now = shards.requestsNow(shard);
      const reported = shards.kvUseNow(shard) * kvCapacityTokens[shard];
      const kvTokens = Number.isNaN(reported) ? tokens[shard] + (now - requests[shard]) * mean : reported;
      cost[shard] += weight * (now * mean + kvTokens);
    }
  },
};
