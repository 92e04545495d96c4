import type { Scorer } from "../plug-in.ts";

/**
 * What a token of a request in flight adds to every step of another, in tokens of prefill: it is read from the cache. 70 kB
 * of DeepSeek-V3's cache at 3 TB/s take 23 ns, a prompt token 67 µs of an H800 (2 × 37 B operations at 1,100 TFLOPS).
 */
export const READ_IN_A_STEP = 0.00034;
/** What the request in flight adds itself: a token of its own in every step. */
export const STEP_TOKENS = 1;

/**
 * The work that a shard has begun and the request would share it with: prompts that go first, and what others that
 * decode add to each of the steps that the request will take. Requests of other gateways count as the mean of ours in
 * flight, as decoding.
 */
export const inFlightTokens: Scorer = {
  name: "in-flight-tokens",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const { count, requests, tokens } = shards;
    const mean = shards.meanTokens(inputTokens + outputTokens);
    for (let shard = 0; shard < count; shard++) {
      const now = shards.requestsNow(shard);
      const read = tokens[shard] + (now - requests[shard]) * mean;
      const steps = outputTokens * (STEP_TOKENS * now + READ_IN_A_STEP * read);
      cost[shard] += weight * (shards.prefillLeft(shard) + steps);
    }
  },
};
