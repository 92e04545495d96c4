import type { KvRoom } from "../core/cost/kv-room.ts";
import type { RankState } from "../model/pool-window.ts";
import { PREFIX_BLOCK_TOKENS } from "../model/traffic.ts";
import { PrefixCache } from "./prefix-cache.ts";
import { type SimulatedRequest, reservedTokens } from "./simulated-request.ts";

/** One rank's requests: those that wait for cache, in order of arrival, and those that run. */
export class RankQueue {
  running: SimulatedRequest[] = [];
  #waiting: SimulatedRequest[] = [];
  /** Prompt tokens that were found in the cache, of all requests that started. */
  cachedTokens = 0;
  #cache = new PrefixCache();
  readonly #maxRunning: number;
  readonly #room: KvRoom;
  #reserved = 0;
  #lost = false;

  constructor(maxRunning: number, room: KvRoom) {
    this.#maxRunning = maxRunning;
    this.#room = room;
  }

  push(request: SimulatedRequest): void {
    if (this.#lost) throw new Error("a lost rank takes no requests");
    this.#waiting.push(request);
  }

  /** Starts what fits, first come first served: nobody overtakes a large request. */
  admit(): void {
    while (this.#waiting.length > 0 && this.running.length < this.#maxRunning) {
      const next = this.#waiting[0];
      const reserved = this.#room.tokensOf(reservedTokens(next));
      if (this.#reserved + reserved > this.#room.capacityTokens) return;
      this.#waiting.shift();
      this.#reserved += reserved;
      this.#cache.limit(this.#freeBlocks);
      // The last token of a prompt is always forwarded: it makes the first of the answer.
      if (next.made === 0) {
        const cached = this.#cache.match(next.prefixBlocks) * PREFIX_BLOCK_TOKENS;
        next.cached = next.prefilled = Math.min(cached, next.inputTokens - 1);
        this.cachedTokens += next.cached;
      }
      this.running.push(next);
    }
  }

  /** A prompt has been forwarded: later ones that begin alike need not be, while there is room beside what runs. */
  prefilled({ prefixBlocks }: SimulatedRequest): void {
    if (prefixBlocks.length > 0) this.#cache.keep(prefixBlocks);
  }

  /** Blocks that fit beside what the running requests hold to their end. */
  get #freeBlocks(): number {
    const free = this.#room.capacityTokens - this.#reserved;
    return Math.floor(free / this.#room.tokensOf(PREFIX_BLOCK_TOKENS));
  }

  /** Forgets a request, wherever it is, and frees its cache. */
  remove(request: SimulatedRequest): void {
    const running = this.running.indexOf(request);
    if (running >= 0) {
      this.running.splice(running, 1);
      this.#reserved -= this.#room.tokensOf(reservedTokens(request));
      this.#cache.limit(this.#freeBlocks);
      return;
    }
    const waiting = this.#waiting.indexOf(request);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
  }

  /** Everything is gone. @returns the requests that were here */
  lose(): readonly SimulatedRequest[] {
    const lost = [...this.running, ...this.#waiting];
    this.#lost = true;
    this.running = [];
    this.#waiting = [];
    this.#cache = new PrefixCache();
    this.#reserved = 0;
    return lost;
  }

  restore(): void {
    this.#lost = false;
  }

  state(): RankState {
    let kvTokens = 0;
    for (const request of this.running) kvTokens += this.#room.tokensOf(request.prefilled + request.made);
    return {
      running: this.running.length,
      waiting: this.#waiting.length,
      kvTokens,
      kvCapacityTokens: this.#room.capacityTokens,
    };
  }
}
