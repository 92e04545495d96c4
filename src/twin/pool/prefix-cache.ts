import { PREFIX_BLOCK_TOKENS } from "../../model/traffic.ts";
import { type CacheSizes, IdleLine, type IdlePiece } from "./idle-line.ts";

/** A block of prompts' text, by what is in it and before it. In line while nobody uses it. */
interface Block extends IdlePiece {
  readonly id: number;
  readonly tokens: number;
  users: number;
}

/**
 * What is in a rank's cache beside what requests have for themselves: blocks of prompts, those in use once, however
 * many use them; and what nobody uses, until its room is needed.
 */
export class PrefixCache {
  /** Tokens of the blocks in use. */
  usedTokens = 0;
  readonly #blocks = new Map<number, Block>();
  readonly #idle: IdleLine;
  readonly #pageTokens: number;

  constructor(room: CacheSizes, pageTokens: number) {
    this.#pageTokens = pageTokens;
    this.#idle = new IdleLine(room, pageTokens, (piece) => {
      if ("id" in piece) this.#blocks.delete((piece as Block).id);
    });
  }

  get idleBytes(): number {
    return this.#idle.bytes;
  }

  /** Blocks of which anything is there. */
  get size(): number {
    return this.#blocks.size;
  }

  /** Tokens of a prompt's block, in whole pages: the last block may be short; none behind the prompt. */
  blockTokens(promptTokens: number, block: number): number {
    const rest = Math.min(PREFIX_BLOCK_TOKENS, promptTokens - block * PREFIX_BLOCK_TOKENS);
    return Math.max(0, rest - (rest % this.#pageTokens));
  }

  /** Leading blocks of a prompt of so many tokens that are there as a whole. */
  leading(blocks: readonly number[], promptTokens: number): number {
    let count = 0;
    while (count < blocks.length) {
      const block = this.#blocks.get(blocks[count]);
      const tokens = this.blockTokens(promptTokens, count);
      if (block === undefined || block.tokens !== tokens || block.kept < tokens) break;
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
      block = { id, tokens, users: 0, from: 0, kept: tokens, older: null, newer: null };
      this.#blocks.set(id, block);
    } else if (block.tokens !== tokens) return false;
    else if (block.users === 0) this.#idle.take(block);
    block.kept = tokens;
    if (block.users++ === 0) this.usedTokens += tokens;
    return true;
  }

  /** One fewer uses the first `count` blocks. The last one is then the first to go: the others serve more prompts. */
  leave(blocks: readonly number[], count: number): void {
    for (let i = count - 1; i >= 0; i--) {
      const block = this.#blocks.get(blocks[i]);
      if (block === undefined || --block.users > 0) continue;
      this.usedTokens -= block.tokens;
      this.#idle.add(block);
    }
  }

  /** What nobody else can use is left behind. */
  leaveBehind(from: number, tokens: number): IdlePiece {
    const piece = { from, kept: tokens, older: null, newer: null };
    this.#idle.add(piece);
    return piece;
  }

  /** Takes what is left of a piece out of the line. @returns its tokens */
  takeBack(piece: IdlePiece): number {
    if (piece.kept === 0) return 0;
    this.#idle.take(piece);
    return piece.kept;
  }

  /** Takes the first tokens of a block that is not there as a whole. @returns how many */
  takePart(id: number, tokens: number): number {
    const block = this.#blocks.get(id);
    if (block === undefined || block.users > 0 || block.tokens !== tokens) return 0;
    this.#blocks.delete(id);
    return this.takeBack(block);
  }

  /** Drops what nobody uses, until it takes no more than so many bytes. */
  evict(most: number): void {
    this.#idle.evict(most);
  }
}
