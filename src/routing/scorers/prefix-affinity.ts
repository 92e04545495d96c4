import type { RoutableRequest } from "../routable-request.ts";
import type { Scorer } from "../plug-in.ts";
import { PrefixIndex } from "../prefix-index.ts";

/**
 * A beginning is taken to be gone when so many caches' worth was sent since. Tokens are estimated from bytes, and of the two
 * errors it costs less to look for what is gone than not to look for what is there.
 */
const GONE_AFTER = 1.5;

/** Of those that have caches of known size: tokens; NaN where unknown. */
interface Caches {
  readonly count: number;
  readonly kvCapacityTokens?: Float64Array;
}

/**
 * The prompt tokens that the shard would have to compute, by what it was sent before: a beginning it has seen is taken
 * to be in its cache, until as much as that holds was sent since.
 */
export class PrefixAffinity implements Scorer<Caches> {
  readonly name = "prefix-affinity";
  readonly #index: PrefixIndex;
  /** `[shards]`, of the request at hand. */
  readonly #blocks: Int32Array;
  #caches: Caches | null = null;

  /** @param indexBytes see PrefixIndex */
  constructor(shards: number, indexBytes: number) {
    this.#index = new PrefixIndex(shards, indexBytes);
    this.#blocks = new Int32Array(shards);
  }

  add(
    { prefix, blockTokens, inputTokens }: RoutableRequest,
    caches: Caches,
    weight: number,
    cost: Float64Array,
  ): void {
    const blocks = this.#blocks;
    this.#caches = caches;
    this.#index.match(prefix, blocks);
    for (let shard = 0; shard < blocks.length; shard++) {
      cost[shard] += weight * Math.max(0, inputTokens - blocks[shard] * blockTokens);
    }
  }

  uncached({ blockTokens, inputTokens }: RoutableRequest, shard: number): number {
    return Math.max(0, inputTokens - this.#blocks[shard] * blockTokens);
  }

  routed({ prefix, blockTokens, outputTokens }: RoutableRequest, shard: number): void {
    const capacity = this.#caches?.kvCapacityTokens?.[shard] ?? Number.NaN;
    this.#index.record(prefix, shard, outputTokens / blockTokens, (GONE_AFTER * capacity) / blockTokens);
  }

  forget(shard: number): void {
    this.#index.forget(shard);
  }

  resume(before: object, previous: Int32Array): void {
    if (before instanceof PrefixAffinity) this.#index.resume(before.#index, previous);
  }
}
