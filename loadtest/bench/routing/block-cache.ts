/**
 * An engine's KV cache in blocks. Those of running requests are held; whole blocks of prompts stay behind until their
 * place is needed, the one that was used longest ago goes first, and of one request the last first (as in vLLM).
 */
export class BlockCache {
  readonly capacity: number;
  /** How many requests hold each. */
  readonly #held = new Map<number, number>();
  /** Held by nobody; in the order in which they go. */
  readonly #idle = new Set<number>();
  /** Blocks of running requests that nobody else can use. */
  #private = 0;

  /** @param capacity blocks */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** @returns how many of the first blocks are there */
  match(blocks: readonly number[]): number {
    let found = 0;
    while (found < blocks.length && (this.#held.has(blocks[found]) || this.#idle.has(blocks[found]))) found++;
    return found;
  }

  /** Blocks that running requests hold. */
  get used(): number {
    return this.#held.size + this.#private;
  }

  /**
   * Holds the first `found` blocks, which are there, and so many more as private ones.
   * @returns false where there is no place for them; then nothing has changed
   */
  hold(blocks: readonly number[], found: number, more: number): boolean {
    let idle = 0;
    for (let i = 0; i < found; i++) if (this.#idle.has(blocks[i])) idle++;
    if (this.used + idle + more > this.capacity) return false;
    for (let i = 0; i < found; i++) {
      this.#idle.delete(blocks[i]);
      this.#held.set(blocks[i], (this.#held.get(blocks[i]) ?? 0) + 1);
    }
    this.#private += more;
    this.#makeWay();
    return true;
  }

  /** A private block was computed: others that begin alike can use it. */
  publish(block: number): void {
    this.#private--;
    this.#idle.delete(block);
    this.#held.set(block, (this.#held.get(block) ?? 0) + 1);
    this.#makeWay();
  }

  /** @param blocks those that the request holds, from the first on */
  release(blocks: readonly number[], held: number, more: number): void {
    this.#private -= more;
    for (let i = held - 1; i >= 0; i--) {
      const holders = (this.#held.get(blocks[i]) ?? 1) - 1;
      if (holders > 0) this.#held.set(blocks[i], holders);
      else {
        this.#held.delete(blocks[i]);
        this.#idle.add(blocks[i]);
      }
    }
  }

  clear(): void {
    this.#held.clear();
    this.#idle.clear();
    this.#private = 0;
  }

  copy(): BlockCache {
    const copy = new BlockCache(this.capacity);
    for (const [block, holders] of this.#held) copy.#held.set(block, holders);
    for (const block of this.#idle) copy.#idle.add(block);
    copy.#private = this.#private;
    return copy;
  }

  #makeWay(): void {
    for (const block of this.#idle) {
      if (this.used + this.#idle.size <= this.capacity) return;
      this.#idle.delete(block);
    }
  }
}
