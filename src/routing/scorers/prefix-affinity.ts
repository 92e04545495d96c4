import type { Scorer } from "../plug-in.ts";
import { PrefixIndex } from "../prefix-index.ts";

/**
 * The prompt tokens that the shard would have to compute, by what it was sent before: a beginning it has seen is taken
 * to be in its cache.
 * @param indexBytes see PrefixIndex
 */
export function prefixAffinity(shards: number, indexBytes: number): Scorer {
  const index = new PrefixIndex(shards, indexBytes);
  /** `[shards]`, of the request at hand. */
  const blocks = new Int32Array(shards);
  return {
    add({ prefix, blockTokens, inputTokens }, _states, weight, cost) {
      index.match(prefix, blocks);
      for (let shard = 0; shard < shards; shard++) {
        cost[shard] += weight * Math.max(0, inputTokens - blocks[shard] * blockTokens);
      }
    },
    routed({ prefix }, shard) {
      index.record(prefix, shard);
    },
    forget(shard) {
      index.forget(shard);
    },
  };
}
