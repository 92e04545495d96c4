import { PREFIX_BLOCK_TOKENS } from "../../model/traffic.ts";

/** Tokens of a prompt's block, of which the last may be short; none behind the prompt. */
export function blockTokens(promptTokens: number, block: number): number {
  return Math.min(PREFIX_BLOCK_TOKENS, promptTokens - block * PREFIX_BLOCK_TOKENS);
}

/** A block of prompts' text, by what is in it and before it. */
interface Block {
  readonly id: number;
  readonly tokens: number;
  users: number;
  /** Among those that nobody uses, in the order of their last use. */
  older: Block | null;
  newer: Block | null;
}

/**
 * The blocks of prompts in a rank's cache. Those that requests use are there once, however many use them; the others
 * stay until their room is needed, and the one that was used longest ago goes first.
 */
export class PrefixCache {
  /** Tokens of the blocks in use. */
  usedTokens = 0;
  /** Of those that are not. */
  idleBytes = 0;
  readonly #blocks = new Map<number, Block>();
  readonly #bytesOf: (tokens: number) => number;
  #oldest: Block | null = null;
  #newest: Block | null = null;

  /** @param bytesOf what a block of so many tokens takes while nobody uses it */
  constructor(bytesOf: (tokens: number) => number) {
    this.#bytesOf = bytesOf;
  }

  get size(): number {
    return this.#blocks.size;
  }

  /** Leading blocks of a prompt of so many tokens that are there. */
  leading(blocks: readonly number[], promptTokens: number): number {
    let count = 0;
    while (count < blocks.length) {
      const tokens = blockTokens(promptTokens, count);
      if (tokens <= 0 || this.#blocks.get(blocks[count])?.tokens !== tokens) break;
      count++;
    }
    return count;
  }

  /** Tokens of those of the first `count` blocks that somebody uses. */
  usedTokensOf(blocks: readonly number[], count: number): number {
    let tokens = 0;
    for (let i = 0; i < count; i++) {
      const block = this.#blocks.get(blocks[i]);
      if (block !== undefined && block.users > 0) tokens += block.tokens;
    }
    return tokens;
  }

  /** One more uses a block, which is there from now on. Returns false where its id is another block's. */
  use(id: number, tokens: number): boolean {
    let block = this.#blocks.get(id);
    if (block === undefined) {
      block = { id, tokens, users: 0, older: null, newer: null };
      this.#blocks.set(id, block);
    } else if (block.tokens !== tokens) return false;
    else if (block.users === 0) this.#takeOut(block);
    if (block.users++ === 0) this.usedTokens += tokens;
    return true;
  }

  /** One fewer uses the first `count` blocks. The last one is then the first to go: the others serve more prompts. */
  leave(blocks: readonly number[], count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      const block = this.#blocks.get(blocks[i]);
      if (block === undefined || --block.users > 0) continue;
      this.usedTokens -= block.tokens;
      this.idleBytes += this.#bytesOf(block.tokens);
      block.older = this.#newest;
      if (this.#newest === null) this.#oldest = block;
      else this.#newest.newer = block;
      this.#newest = block;
    }
  }

  /** Drops blocks that nobody uses, until they take no more than so many bytes. */
  evict(most: number): void {
    while (this.idleBytes > most && this.#oldest !== null) {
      const { id } = this.#oldest;
      this.#takeOut(this.#oldest);
      this.#blocks.delete(id);
    }
  }

  #takeOut(block: Block): void {
    if (block.older === null) this.#oldest = block.newer;
    else block.older.newer = block.newer;
    if (block.newer === null) this.#newest = block.older;
    else block.newer.older = block.older;
    block.older = block.newer = null;
    this.idleBytes -= this.#bytesOf(block.tokens);
  }
}
