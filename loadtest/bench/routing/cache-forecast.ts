import type { BlockCache, BlockHolder } from "./block-cache.ts";

/**
 * What a cache would do next, without a copy of it: what changes is kept beside it. Blocks that nobody holds stay, as if
 * the cache had room for them until then.
 */
export class CacheForecast implements BlockHolder {
  readonly #cache: BlockCache;
  /** Holders more or fewer than in the cache. */
  readonly #holders = new Map<number, number>();
  readonly #published = new Set<number>();
  #used: number;

  constructor(cache: BlockCache) {
    this.#cache = cache;
    this.#used = cache.used;
  }

  match(blocks: readonly number[]): number {
    let found = 0;
    while (found < blocks.length && (this.#cache.has(blocks[found]) || this.#published.has(blocks[found])))
      found++;
    return found;
  }

  hold(blocks: readonly number[], found: number, more: number): boolean {
    let idle = 0;
    for (let i = 0; i < found; i++) if (this.#held(blocks[i]) === 0) idle++;
    if (this.#used + idle + more > this.#cache.capacity) return false;
    for (let i = 0; i < found; i++) this.#change(blocks[i], 1);
    this.#used += idle + more;
    return true;
  }

  publish(block: number): void {
    if (this.#held(block) > 0) this.#used--;
    this.#published.add(block);
    this.#change(block, 1);
  }

  release(blocks: readonly number[], held: number, more: number): void {
    this.#used -= more;
    for (let i = 0; i < held; i++) {
      this.#change(blocks[i], -1);
      if (this.#held(blocks[i]) === 0) this.#used--;
    }
  }

  #held(block: number): number {
    return this.#cache.holders(block) + (this.#holders.get(block) ?? 0);
  }

  #change(block: number, by: 1 | -1): void {
    this.#holders.set(block, (this.#holders.get(block) ?? 0) + by);
  }
}
