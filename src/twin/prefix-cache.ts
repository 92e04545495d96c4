/**
 * The blocks of prompts that a rank's cache still holds, by what is in them and before them (equal ids, equal text up
 * to their end). Those used longest ago go first.
 */
export class PrefixCache {
  /** In the order of their last use. */
  readonly #blocks = new Set<number>();
  #most = Number.POSITIVE_INFINITY;

  /** Leading blocks of a prompt that are there; they have been used just now. */
  match(blocks: readonly number[]): number {
    let matched = 0;
    while (matched < blocks.length && this.#blocks.has(blocks[matched])) matched++;
    this.#use(blocks.slice(0, matched));
    return matched;
  }

  /** A prompt's blocks are there from now on, as far as there is room. */
  keep(blocks: readonly number[]): void {
    this.#use(blocks);
    this.#evict();
  }

  /** There is room for so many. */
  limit(most: number): void {
    this.#most = Math.max(0, most);
    this.#evict();
  }

  get size(): number {
    return this.#blocks.size;
  }

  /** The last block of a prompt is the first to go: the others serve more prompts, and it needs them. */
  #use(blocks: readonly number[]): void {
    for (let i = blocks.length - 1; i >= 0; i--) {
      this.#blocks.delete(blocks[i]);
      this.#blocks.add(blocks[i]);
    }
  }

  #evict(): void {
    for (const block of this.#blocks) {
      if (this.#blocks.size <= this.#most) return;
      this.#blocks.delete(block);
    }
  }
}
