import type { KvRoom } from "../../core/cost/kv-room.ts";
import { type SimulatedRequest, knownTokens } from "./pool-request.ts";
import { PrefixCache } from "./prefix-cache.ts";

/**
 * One rank's cache: what requests have for themselves, in pages, the blocks of prompts that they share, and what nobody
 * uses. Shared blocks are those of the layers that keep all tokens; windows and states are each request's own.
 */
export class RankCache {
  readonly #room: KvRoom;
  readonly #pageTokens: number;
  readonly #reused: boolean;
  readonly #prefixes: PrefixCache;
  #ownBytes = 0;

  /** @param reused whether anything is found again */
  constructor(room: KvRoom, pageTokens: number, reused: boolean) {
    this.#room = room;
    this.#pageTokens = pageTokens;
    this.#reused = reused;
    this.#prefixes = new PrefixCache(room, pageTokens);
  }

  /** Bytes that requests have, shared ones once. */
  get usedBytes(): number {
    return this.#ownBytes + this.#room.growingBytes * this.#prefixes.usedTokens;
  }

  /** Bytes that are free or can be: of blocks that nobody uses. */
  get availableBytes(): number {
    return this.#room.capacityBytes - this.usedBytes;
  }

  /** Of these, bytes of blocks that are still there. */
  get idleBytes(): number {
    return this.#prefixes.idleBytes;
  }

  /** Tokens in shared blocks. */
  get sharedTokens(): number {
    return this.#prefixes.usedTokens;
  }

  /** Bytes that a waiting request takes of what is available, to have room for so many tokens. */
  bytesToStart({ prefixBlocks, inputTokens }: SimulatedRequest, tokens: number): number {
    const bytes = this.#room.bytesOf(this.#paged(tokens));
    const there = this.#prefixes.leading(prefixBlocks, inputTokens);
    return bytes - this.#room.growingBytes * this.#prefixes.usedTokensOf(prefixBlocks, there);
  }

  /** Of a request that runs. */
  bytesToGrow(request: SimulatedRequest, tokens: number): number {
    if (tokens <= request.room) return 0;
    return this.#room.bytesOf(this.#paged(tokens)) - this.#room.bytesOf(request.room);
  }

  /** No request takes more to have room for so many tokens than it has. */
  mostBytesToGrow(tokens: number): number {
    return this.#room.bytesOf(this.#paged(tokens) + this.#pageTokens);
  }

  /**
   * A request takes what is there of its tokens: whole blocks of its prompt, which it shares, and of what comes then as
   * much as is left. The last token that is known is always forwarded: it makes the next.
   */
  open(request: SimulatedRequest): void {
    const { prefixBlocks, inputTokens, leftover } = request;
    const there = this.#prefixes.leading(prefixBlocks, inputTokens);
    for (let i = 0; i < there; i++) this.#share(request, i);
    let found = request.sharedTokens;
    if (leftover !== null && leftover.from === found) found += this.#prefixes.takeBack(leftover);
    else if (there < prefixBlocks.length)
      found += this.#prefixes.takePart(prefixBlocks[there], this.#prefixes.blockTokens(inputTokens, there));
    request.leftover = null;
    const usable = Math.min(found, knownTokens(request) - 1);
    request.computed = Math.max(request.computed, usable - (usable % this.#pageTokens));
    request.room = Math.max(request.sharedTokens, usable - (usable % this.#pageTokens));
    this.#ownBytes += this.#room.bytesOf(request.room) - this.#room.growingBytes * request.sharedTokens;
    this.#prefixes.evict(this.availableBytes);
  }

  /** Gives a request room for so many tokens. Returns false, and gives none, where that is more than is available. */
  grow(request: SimulatedRequest, tokens: number): boolean {
    if (tokens <= request.room) return true;
    const bytes = this.bytesToGrow(request, tokens);
    const available = this.availableBytes;
    if (bytes > available) return false;
    this.#ownBytes += bytes;
    request.room = this.#paged(tokens);
    this.#prefixes.evict(available - bytes);
    return true;
  }

  /**
   * Whole blocks of the first tokens of a request's prompt, so many as are forwarded, are there for others. Where others
   * have them already, they are had once, as in SGLang's tree; vLLM keeps both until one ends.
   */
  offer(request: SimulatedRequest, forwarded: number): void {
    if (!this.#reused) return;
    const { prefixBlocks, inputTokens } = request;
    for (let i = request.sharedBlocks; i < prefixBlocks.length; i++) {
      const tokens = this.#prefixes.blockTokens(inputTokens, i);
      if (tokens === 0 || request.sharedTokens + tokens > forwarded || !this.#share(request, i)) return;
      this.#ownBytes -= this.#room.growingBytes * tokens;
    }
  }

  /**
   * A request gives everything up. It stays as long as its room is not needed: what others may find, and what it may
   * find itself.
   * @param kept tokens of it that stay, in whole pages; what it has behind these is free at once
   */
  close(request: SimulatedRequest, kept: number): void {
    const { growingBytes } = this.#room;
    const { room, sharedTokens } = request;
    this.#ownBytes -= this.#room.bytesOf(room) - growingBytes * sharedTokens;
    const left = this.#reused ? kept - (kept % this.#pageTokens) - sharedTokens : 0;
    request.leftover = left > 0 ? this.#prefixes.leaveBehind(sharedTokens, left) : null;
    this.#prefixes.leave(request.prefixBlocks, request.sharedBlocks);
    request.room = request.sharedBlocks = request.sharedTokens = 0;
    this.#prefixes.evict(this.availableBytes);
  }

  /** Drops what nobody uses, until so many bytes are free. */
  makeFree(bytes: number): void {
    this.#prefixes.evict(this.availableBytes - bytes);
  }

  #share(request: SimulatedRequest, i: number): boolean {
    const tokens = this.#prefixes.blockTokens(request.inputTokens, i);
    if (!this.#prefixes.use(request.prefixBlocks[i], tokens)) return false;
    request.sharedBlocks = i + 1;
    request.sharedTokens += tokens;
    return true;
  }

  #paged(tokens: number): number {
    return Math.ceil(tokens / this.#pageTokens) * this.#pageTokens;
  }
}
