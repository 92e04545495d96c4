import type { Scorer } from "../plug-in.ts";

/**
 * The engine's own queue: what waits there goes before the request is even begun, each taken for the mean request in
 * flight. `in-flight-tokens` counts the same requests as work that is shared; that they go first comes on top.
 */
export const queueDepth: Scorer = {
  name: "queue-depth",
  add({ inputTokens, outputTokens }, shards, weight, cost) {
    const mean = shards.meanTokens(inputTokens + outputTokens);
    for (let shard = 0; shard < shards.count; shard++) {
      cost[shard] += weight * shards.waitingNow(shard) * mean;
    }
  },
};
