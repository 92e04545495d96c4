import type { KvRoom } from "../../core/cost/kv-room.ts";
import type { RankState } from "../../model/pool-window.ts";
import type { Batching } from "./batching.ts";
import { type SimulatedRequest, decodes, endTokens, knownTokens } from "./pool-request.ts";
import { RankCache } from "./rank-cache.ts";
import type { StepWork } from "./step-work.ts";
import { WaitingLine } from "./waiting-line.ts";

/** How an engine chooses what one of its ranks forwards next. Each rank has its own. */
export interface StepOrder {
  compose(rank: Rank, work: StepWork): void;
  /** Requests have left. */
  departed(): void;
  /** No rank of the pool had anything to do. */
  idle(): void;
}

/** One rank's requests: those that wait, those that run, and those whose cache is on its way to another pool. */
export class Rank {
  /** In the order they started. */
  readonly running: SimulatedRequest[] = [];
  readonly waiting = new WaitingLine<SimulatedRequest>();
  /** Tokens that are drafted behind each answer in a step. */
  readonly drafts: number;
  /** Prompt tokens that were found in the cache, of all requests that started. */
  cachedTokens = 0;
  readonly #room: KvRoom;
  readonly #batching: Batching;
  readonly #held = new Set<SimulatedRequest>();
  readonly #newOrder: () => StepOrder;
  #order: StepOrder;
  #cache: RankCache;
  #lost = false;

  constructor(batching: Batching, drafts: number, room: KvRoom, newOrder: () => StepOrder) {
    this.#batching = batching;
    this.#newOrder = newOrder;
    this.#room = room;
    this.drafts = drafts;
    this.#cache = newCache(room, batching);
    this.#order = newOrder();
  }

  get growingBytes(): number {
    return this.#room.growingBytes;
  }

  get pageBytes(): number {
    return this.#room.growingBytes * this.#batching.pageTokens;
  }

  get availableBytes(): number {
    return this.#cache.availableBytes;
  }

  push(request: SimulatedRequest): void {
    if (this.#lost) throw new Error("a lost rank takes no requests");
    this.waiting.push(request);
  }

  /** Chooses what the next step forwards of this rank. */
  compose(work: StepWork): void {
    if (this.running.length > 0 || this.waiting.length > 0) this.#order.compose(this, work);
  }

  /** No rank of the pool had anything to do. */
  idle(): void {
    this.#order.idle();
  }

  /** Tokens that a running request would like to forward. */
  wanted(request: SimulatedRequest): number {
    return decodes(request) ? 1 + this.drafts : knownTokens(request) - request.computed;
  }

  /** Bytes that a waiting request takes of what is available, to have room for so many tokens. */
  bytesToStart(request: SimulatedRequest, tokens: number): number {
    return this.#cache.bytesToStart(request, Math.min(tokens, endTokens(request)));
  }

  /** Whether a waiting request finds room for so many tokens. */
  fits(request: SimulatedRequest, tokens: number): boolean {
    return this.bytesToStart(request, tokens) <= this.#cache.availableBytes;
  }

  /** The first that waits runs from now on, with what the cache has of its prompt. */
  startFirst(): void {
    const request = this.waiting.first;
    this.waiting.shift();
    this.running.push(request);
    const arrived = request.computed;
    this.#cache.open(request);
    if (arrived > 0) {
      // It came with its cache, which there has to be room for.
      this.grow(request, 0);
      request.prompted = arrived;
      this.#cache.offer(request, arrived);
    } else if (!request.started) {
      request.cached = Math.min(request.computed, request.inputTokens);
      this.cachedTokens += request.cached;
    }
  }

  /** Room for a running request to its end. */
  reserve(request: SimulatedRequest): void {
    this.#cache.grow(request, endTokens(request));
  }

  /** Room for so many more tokens of a running request. Returns false where there is none. */
  grow(request: SimulatedRequest, count: number): boolean {
    return this.#cache.grow(request, Math.min(request.computed + count, endTokens(request)));
  }

  /** Drops what nobody uses, until there is free room for so many tokens. */
  makeFree(tokens: number): void {
    this.#cache.makeFree(this.growingBytes * tokens);
  }

  /** Whether every answer finds room for its next step. */
  answersFit(): boolean {
    const { availableBytes } = this.#cache;
    const count = 1 + this.drafts;
    if (this.running.length * this.#cache.mostBytesToGrow(count) <= availableBytes) return true;
    let bytes = 0;
    for (const request of this.running) {
      if (!decodes(request)) continue;
      bytes += this.#cache.bytesToGrow(request, Math.min(request.computed + count, endTokens(request)));
    }
    return bytes <= availableBytes;
  }

  /**
   * A running request gives up its cache, and waits to have its tokens forwarded anew.
   * @param kept tokens that it finds again, as long as nobody needs their room
   */
  preempt(request: SimulatedRequest, work: StepWork, turn: "first" | "last", kept: number): void {
    this.#leave(request);
    this.#cache.close(request, kept);
    request.computed = 0;
    if (turn === "first") this.waiting.pushFirst(request);
    else this.waiting.push(request);
    work.preempted.push(request.id);
  }

  /** The first tokens of a request are there for others, as far as they are of its prompt. */
  offer(request: SimulatedRequest, tokens: number): void {
    if (request.sharedBlocks < request.prefixBlocks.length) this.#cache.offer(request, tokens);
  }

  /** Requests that run are over: they go, and their cache but for that of `held` ones, which stays until it is released. */
  end(held: boolean): void {
    let kept = 0;
    const { running } = this;
    for (const request of running) {
      if (!request.over) running[kept++] = request;
      else if (held) this.#held.add(request);
      else this.#cache.close(request, request.computed);
    }
    running.length = kept;
    this.#order.departed();
  }

  /** Forgets a request, wherever it is, and frees its cache. */
  remove(request: SimulatedRequest): void {
    if (!this.#held.delete(request) && !this.#leave(request)) this.waiting.remove(request);
    this.#cache.close(request, request.computed);
  }

  /** Everything is gone. @returns the requests that were here */
  lose(): readonly SimulatedRequest[] {
    const lost = [...this.running, ...this.waiting.takeAll(), ...this.#held];
    this.running.length = 0;
    this.#held.clear();
    this.#lost = true;
    this.#cache = newCache(this.#room, this.#batching);
    this.#order = this.#newOrder();
    return lost;
  }

  restore(): void {
    this.#lost = false;
  }

  state(): RankState {
    return {
      running: this.running.length,
      waiting: this.waiting.length,
      kvTokens: this.#room.inTokens(this.#usedBytes),
      kvCapacityTokens: this.#room.capacityTokens,
    };
  }

  /** Of what is reserved to requests' ends, what they have filled. */
  get #usedBytes(): number {
    const { order } = this.#batching;
    if (order !== "decode-first" || this.#batching.admission !== "whole") return this.#cache.usedBytes;
    let bytes = this.#cache.sharedTokens * this.#room.growingBytes;
    const filled = (request: SimulatedRequest) => {
      const tokens = request.computed + (request.made > 0 ? 1 : 0);
      return this.#room.bytesOf(tokens) - request.sharedTokens * this.#room.growingBytes;
    };
    for (const request of this.running) bytes += filled(request);
    for (const request of this.#held) bytes += filled(request);
    return bytes;
  }

  /** Returns false where it does not run. */
  #leave(request: SimulatedRequest): boolean {
    const at = this.running.lastIndexOf(request);
    if (at < 0) return false;
    this.running.splice(at, 1);
    this.#order.departed();
    return true;
  }
}

function newCache(room: KvRoom, { pageTokens, prefixCache }: Batching): RankCache {
  return new RankCache(room, pageTokens, prefixCache);
}
