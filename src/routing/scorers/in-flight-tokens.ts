import type { Scorer } from "../plug-in.ts";

/**
 * What a token in flight counts whose prompt is done, or that is yet to be generated. Computed it is not again, but
 * read from the cache in every step of the new request: 70 kB of DeepSeek-V3's cache at 3 TB/s take 23 ns, a prompt
 * token 67 µs of an H800 (2 × 37 B operations at 1,100 TFLOPS); over 700 steps that is a quarter.
 */
export const DECODING = 0.25;

/**
 * The work that a shard has begun and the request would share it with: prompt tokens without a first byte in full,
 * all others by `DECODING`. Requests of other gateways count as the mean of ours in flight, as decoding.
 */
export const inFlightTokens: Scorer = {
  name: "in-flight-tokens",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const { count, requests, tokens, prefillTokens } = shards;
    const mean = shards.meanTokens(inputTokens + outputTokens);
    for (let shard = 0; shard < count; shard++) {
      const others = (shards.requestsNow(shard) - requests[shard]) * mean;
      const prefill = prefillTokens[shard];
      cost[shard] += weight * (prefill + DECODING * (tokens[shard] - prefill + others));
    }
  },
};
