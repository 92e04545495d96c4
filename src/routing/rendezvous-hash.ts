import { hashText } from "./block-hashes.ts";
import { mix } from "./mix.ts";

/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): a key belongs to the shard with the highest hash of the two. When
 * a shard goes, its keys are spread over the others; all other keys stay where they are.
 */
export class RendezvousHash {
  /** `[shards]` */
  readonly #seeds: Uint32Array;

  /** @param shardIds a shard keeps its keys wherever it is in the list */
  constructor(shardIds: readonly string[]) {
    this.#seeds = Uint32Array.from(shardIds, hashText);
  }

  /** @returns uniform over 0 .. 2³² − 1 */
  of(key: number, shard: number): number {
    return mix(Math.imul(key, 0x9e3779b1) + this.#seeds[shard]);
  }
}
