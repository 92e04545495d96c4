import type { RoutableRequest } from "../routable-request.ts";
import type { Scorer } from "../plug-in.ts";
import { PrefixIndex } from "../prefix-index.ts";

/**
 * The prompt tokens that the shard would have to compute, by what it was sent before: a beginning it has seen is taken
 * to be in its cache.
 */
export class PrefixAffinity implements Scorer<unknown> {
  readonly name = "prefix-affinity";
  readonly #index: PrefixIndex;
  /** `[shards]`, of the request at hand. */
  readonly #blocks: Int32Array;

  /** @param indexBytes see PrefixIndex */
  constructor(shards: number, indexBytes: number) {
    this.#index = new PrefixIndex(shards, indexBytes);
    this.#blocks = new Int32Array(shards);
  }

  add(
    { prefix, blockTokens, inputTokens }: RoutableRequest,
    _states: unknown,
    weight: number,
    cost: Float64Array,
  ): void {
    const blocks = this.#blocks;
    this.#index.match(prefix, blocks);
    for (let shard = 0; shard < blocks.length; shard++) {
      cost[shard] += weight * Math.max(0, inputTokens - blocks[shard] * blockTokens);
    }
  }

  routed({ prefix }: RoutableRequest, shard: number): void {
    this.#index.record(prefix, shard);
  }

  forget(shard: number): void {
    this.#index.forget(shard);
  }

  resume(before: object, previous: Int32Array): void {
    if (before instanceof PrefixAffinity) this.#index.resume(before.#index, previous);
  }
}
