import type { KvRoom } from "../../core/cost/kv-room.ts";
import { PrefixCache, blockTokens } from "./prefix-cache.ts";
import { type SimulatedRequest, knownTokens } from "./pool-request.ts";

/**
 * One rank's cache: what requests have for themselves, in pages, the blocks of prompts that they share, and blocks that
 * nobody uses. Shared blocks are those of the layers that keep all tokens; windows and states are each request's own.
 */
export class RankCache {
  readonly #room: KvRoom;
  readonly #pageTokens: number;
  readonly #prefixes: PrefixCache;
  #ownBytes = 0;

  constructor(room: KvRoom, pageTokens: number) {
    this.#room = room;
    this.#pageTokens = pageTokens;
    this.#prefixes = new PrefixCache((tokens) => room.bytesOf(tokens));
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

  /** A request takes what is there of its prompt. The last token that is known is always forwarded: it makes the next. */
  open(request: SimulatedRequest): void {
    const { prefixBlocks, inputTokens } = request;
    const there = this.#prefixes.leading(prefixBlocks, inputTokens);
    for (let i = 0; i < there; i++) this.#share(request, i);
    request.computed = Math.max(request.computed, Math.min(request.sharedTokens, knownTokens(request) - 1));
    request.room = request.sharedTokens;
    this.#ownBytes += this.#room.bytesOf(request.room) - this.#room.growingBytes * request.room;
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
   * Whole blocks of what a request has forwarded of its prompt are there for others. Where others have them already,
   * they are had once, as in SGLang's tree; vLLM keeps both until one ends.
   */
  offer(request: SimulatedRequest): void {
    const { prefixBlocks, inputTokens, computed } = request;
    for (let i = request.sharedBlocks; i < prefixBlocks.length; i++) {
      const tokens = blockTokens(inputTokens, i);
      if (tokens <= 0 || request.sharedTokens + tokens > computed || !this.#share(request, i)) return;
      this.#ownBytes -= this.#room.growingBytes * tokens;
    }
  }

  /** A request gives everything up. Its shared blocks stay as long as their room is not needed. */
  close(request: SimulatedRequest): void {
    const { growingBytes } = this.#room;
    this.#ownBytes -= this.#room.bytesOf(request.room) - growingBytes * request.sharedTokens;
    this.#prefixes.leave(request.prefixBlocks, request.sharedBlocks);
    request.room = request.sharedBlocks = request.sharedTokens = 0;
    this.#prefixes.evict(this.availableBytes);
  }

  #share(request: SimulatedRequest, i: number): boolean {
    const tokens = blockTokens(request.inputTokens, i);
    if (!this.#prefixes.use(request.prefixBlocks[i], tokens)) return false;
    request.sharedBlocks = i + 1;
    request.sharedTokens += tokens;
    return true;
  }

  #paged(tokens: number): number {
    return Math.ceil(tokens / this.#pageTokens) * this.#pageTokens;
  }
}
