/** Marks of a shard: the horizon is right to a sixteenth of its cache. */
const PER_CACHE = 16;
const MARKS = 2 * PER_CACHE;

/**
 * How far back each shard's cache reaches. What a shard is sent that it does not have takes the place of what it has not
 * used for longest: once that is as much as the cache holds, all that was last sent before is gone. Ticks are the
 * prefix index's.
 */
export class CacheHorizons {
  /** `[shards]`: what was recorded then, or earlier, is gone; 0 where nothing is. */
  readonly ticks: Uint32Array;
  /** `[shards]`: blocks that took place so far. */
  readonly #filled: Float64Array;
  /** `[shards][MARKS]`, rings: at which tick how much had taken place. */
  readonly #markTicks: Uint32Array;
  readonly #markFilled: Float64Array;
  /** `[shards]`: the oldest mark; how many there are. */
  readonly #oldest: Int32Array;
  readonly #marks: Int32Array;

  constructor(shards: number) {
    this.ticks = new Uint32Array(shards);
    this.#filled = new Float64Array(shards);
    this.#markTicks = new Uint32Array(shards * MARKS);
    this.#markFilled = new Float64Array(shards * MARKS);
    this.#oldest = new Int32Array(shards);
    this.#marks = new Int32Array(shards);
  }

  /** @param blocks that took place in the shard's cache at that tick; @param capacity blocks that it holds; NaN if unknown */
  fill(shard: number, blocks: number, capacity: number, tick: number): void {
    if (!(capacity > 0)) return;
    this.#filled[shard] += blocks;
    const filled = this.#filled[shard];
    const from = shard * MARKS;
    const last = from + ((this.#oldest[shard] + this.#marks[shard] + MARKS - 1) % MARKS);
    if (this.#marks[shard] === 0 || filled - this.#markFilled[last] >= capacity / PER_CACHE) {
      if (this.#marks[shard] === MARKS) this.#dropOldest(shard);
      const at = from + ((this.#oldest[shard] + this.#marks[shard]++) % MARKS);
      this.#markTicks[at] = tick;
      this.#markFilled[at] = filled;
    }
    while (this.#marks[shard] > 0 && filled - this.#markFilled[from + this.#oldest[shard]] >= capacity) {
      this.ticks[shard] = this.#markTicks[from + this.#oldest[shard]];
      this.#dropOldest(shard);
    }
  }

  #dropOldest(shard: number): void {
    this.#oldest[shard] = (this.#oldest[shard] + 1) % MARKS;
    this.#marks[shard]--;
  }
}
