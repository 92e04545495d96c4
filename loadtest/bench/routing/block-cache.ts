/** Where the blocks of requests are. */
export interface BlockHolder {
  /** @returns how many of the first blocks are there */
  match(blocks: readonly number[]): number;
  /**
   * Holds the first `found` blocks, which are there, and so many more as private ones.
   * @returns false where there is no place for them; then nothing has changed
   */
  hold(blocks: readonly number[], found: number, more: number): boolean;
  /** A private block was computed: others that begin alike can use it. */
  publish(block: number): void;
  /** @param held how many of the blocks the request holds, from the first on; @param more private ones */
  release(blocks: readonly number[], held: number, more: number): void;
}

/**
 * An engine's KV cache in blocks. Those of running requests are held; whole blocks of prompts stay behind until their
 * place is needed, the one that was used longest ago goes first, and of one request the last first (as in vLLM).
 */
export class BlockCache implements BlockHolder {
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

  has(block: number): boolean {
    return this.#held.has(block) || this.#idle.has(block);
  }

  holders(block: number): number {
    return this.#held.get(block) ?? 0;
  }

  match(blocks: readonly number[]): number {
    let found = 0;
    while (found < blocks.length && this.has(blocks[found])) found++;
    return found;
  }

  /** Blocks that running requests hold. */
  get used(): number {
    return this.#held.size + this.#private;
  }

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

  publish(block: number): void {
    this.#private--;
    this.#idle.delete(block);
    this.#held.set(block, (this.#held.get(block) ?? 0) + 1);
    this.#makeWay();
  }

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

  #makeWay(): void {
    for (const block of this.#idle) {
      if (this.used + this.#idle.size <= this.capacity) return;
      this.#idle.delete(block);
    }
  }
}
