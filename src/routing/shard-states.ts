import type { Clock } from "../lib/clock.ts";
import { PrefillSpeeds } from "./prefill-speeds.ts";
import { type ShardCounts, add, copyOf } from "./shard-counts.ts";

/** A prompt that was not seen to be done has so much left at least. */
const MOST_DONE = 0.9;

/**
 * What routing knows of a pool's shards; a shard is its index. Arrays are `[shards]` and live.
 *
 * A report is old by the time it is read, and every gateway that reads the same report would send its next requests
 * to the same shard. So what has begun and ended since the report is added to it.
 */
export class ShardStates implements ShardCounts {
  readonly count: number;
  /** Requests in flight through the gateway, those of `others` included. */
  readonly requests: Int32Array;
  /** Tokens, in and out, those requests were estimated at. */
  readonly tokens: Float64Array;
  /** Prompt tokens to be computed of those that have no first byte yet: without what is taken to be cached there. */
  readonly prefillTokens: Float64Array;
  /** How fast each prefills. */
  readonly speeds: PrefillSpeeds;
  /** 1 when the shard can serve, by probes of its server and by live traffic. */
  readonly ready: Uint8Array;
  /** 1 while neither circuit breaker nor ejection keeps requests away. */
  readonly admitting: Uint8Array;
  /** Most requests in flight; 0 for no limit. */
  readonly maxRequests: Int32Array;
  /** Over 0 to 1: the part of an equal share that each should get: its server's, and less when it has just come back. */
  readonly weight: Float64Array;
  /** Shards of a higher one are for what those below cannot take. */
  readonly tier: Uint8Array;
  /** The models each serves; null for all of the pool's. */
  readonly models: (ReadonlySet<string> | null)[];
  /** Part of the KV cache in use at the last report, 0 to 1; NaN where unknown. */
  readonly kvUse: Float64Array;
  /** The KV cache's capacity in tokens; NaN where unknown. */
  readonly kvCapacityTokens: Float64Array;
  readonly #reportedRequests: Float64Array;
  readonly #reportedWaiting: Float64Array;
  readonly #requestsAtReport: Int32Array;
  readonly #tokensAtReport: Float64Array;
  readonly #clock: Clock;
  /** Of this process, those without a first byte; when the shard had the last first byte, or its first request. */
  readonly #unanswered: Int32Array;
  readonly #progressMs: Float64Array;
  #allRequests = 0;
  #allTokens = 0;
  #others: ShardCounts | null = null;
  /** What took its place, with the place there of each shard; −1 for those that are not there. */
  #next: { readonly states: ShardStates; readonly at: Int32Array } | null = null;

  /** @param clock without one, prompts are taken to be computed at once when they are done */
  constructor(count: number, clock: Clock = STILL) {
    this.count = count;
    this.#clock = clock;
    this.speeds = new PrefillSpeeds(count);
    this.#unanswered = new Int32Array(count);
    this.#progressMs = new Float64Array(count);
    this.requests = new Int32Array(count);
    this.tokens = new Float64Array(count);
    this.prefillTokens = new Float64Array(count);
    this.ready = new Uint8Array(count).fill(1);
    this.admitting = new Uint8Array(count).fill(1);
    this.maxRequests = new Int32Array(count);
    this.weight = new Float64Array(count).fill(1);
    this.tier = new Uint8Array(count);
    this.models = Array.from({ length: count }, () => null);
    this.kvUse = new Float64Array(count).fill(Number.NaN);
    this.kvCapacityTokens = new Float64Array(count).fill(Number.NaN);
    this.#reportedRequests = new Float64Array(count);
    this.#reportedWaiting = new Float64Array(count);
    this.#requestsAtReport = new Int32Array(count);
    this.#tokensAtReport = new Float64Array(count);
  }

  /** What the shard takes for everything, beside the typical one. */
  get slowness(): Float64Array {
    return this.speeds.slowness;
  }

  /** A request is sent to the shard. @param prefillTokens those of its prompt that are not cached there */
  begin(shard: number, inputTokens: number, outputTokens: number, prefillTokens = inputTokens): void {
    if (this.#unanswered[shard]++ === 0) this.#progressMs[shard] = this.#clock.now();
    this.requests[shard]++;
    this.tokens[shard] += inputTokens + outputTokens;
    this.#allRequests++;
    this.#allTokens += inputTokens + outputTokens;
    this.prefillTokens[shard] += prefillTokens;
    this.#onward((next, at) => next.begin(at, inputTokens, outputTokens, prefillTokens), shard);
  }

  /** Its answer has begun: the prompt is done. Called at most once for each `begin`. */
  answered(shard: number, prefillTokens: number): void {
    this.prefillTokens[shard] -= prefillTokens;
    this.#unanswered[shard]--;
    this.#progressMs[shard] = this.#clock.now();
    this.#onward((next, at) => next.answered(at, prefillTokens), shard);
  }

  /**
   * What is left of `prefillTokens`: of the prompt that is being computed, a mean one of this process, as much is done as
   * the shard's speed and the time since the last first byte say.
   */
  prefillLeft(shard: number): number {
    const tokens = this.prefillTokens[shard];
    const unanswered = this.#unanswered[shard];
    const msPerToken = this.speeds.msPerToken(shard);
    if (unanswered === 0 || msPerToken === 0) return tokens;
    const own = tokens - (this.#others?.prefillTokens[shard] ?? 0);
    const done = (this.#clock.now() - this.#progressMs[shard]) / msPerToken;
    return tokens - Math.min(done, (MOST_DONE * own) / unanswered);
  }

  /** It is over; `answered` was called before. */
  end(shard: number, inputTokens: number, outputTokens: number): void {
    this.requests[shard]--;
    this.tokens[shard] -= inputTokens + outputTokens;
    this.#allRequests--;
    this.#allTokens -= inputTokens + outputTokens;
    // What rounding left would prefer one idle shard to another.
    if (this.requests[shard] === 0) this.tokens[shard] = this.prefillTokens[shard] = 0;
    this.#onward((next, at) => next.end(at, inputTokens, outputTokens), shard);
  }

  /** What this process itself has in flight. */
  own(): ShardCounts {
    const own = copyOf(this);
    if (this.#others !== null) add(own, this.#others, -1);
    return own;
  }

  /** What other processes have in flight now, in place of what they had; null for nothing. */
  setOthers(counts: ShardCounts | null): void {
    if (this.#others !== null) add(this, this.#others, -1);
    if (counts !== null) add(this, counts, 1);
    this.#others = counts;
  }

  /**
   * Takes the place of the states before: begins with what this process has in flight there and what shards reported,
   * and counts the end of what is still in flight there.
   * @param previous `[shards]`: the place of each shard before; −1 for those that are new
   */
  resume(before: ShardStates, previous: Int32Array): void {
    const at = new Int32Array(before.count).fill(-1);
    const own = before.own();
    for (const [shard, from] of previous.entries()) {
      if (from < 0) continue;
      at[from] = shard;
      this.requests[shard] = own.requests[from];
      this.tokens[shard] = own.tokens[from];
      this.prefillTokens[shard] = own.prefillTokens[from];
      this.#unanswered[shard] = before.#unanswered[from];
      this.#progressMs[shard] = before.#progressMs[from];
      this.#allRequests += own.requests[from];
      this.#allTokens += own.tokens[from];
      this.kvUse[shard] = before.kvUse[from];
      this.kvCapacityTokens[shard] = before.kvCapacityTokens[from];
      this.#reportedRequests[shard] = before.#reportedRequests[from];
      this.#reportedWaiting[shard] = before.#reportedWaiting[from];
      this.#requestsAtReport[shard] = before.#requestsAtReport[from];
      this.#tokensAtReport[shard] = before.#tokensAtReport[from];
    }
    this.speeds.resume(before.speeds, previous);
    before.#next = { states: this, at };
  }

  #onward(count: (next: ShardStates, at: number) => void, shard: number): void {
    if (this.#next === null) return;
    const at = this.#next.at[shard];
    if (at >= 0) count(this.#next.states, at);
  }

  /** What the shard says it carries; null where the engine does not say. */
  report(
    shard: number,
    load: { readonly running: number; readonly waiting: number } | null,
    kvUse: number | null,
    kvCapacityTokens: number | null,
  ): void {
    this.#reportedRequests[shard] = load === null ? 0 : load.running + load.waiting;
    this.#reportedWaiting[shard] = load?.waiting ?? 0;
    this.#requestsAtReport[shard] = this.requests[shard];
    this.reportKv(shard, kvUse, kvCapacityTokens);
  }

  /** The cache alone, as engines report it with an answer. */
  reportKv(shard: number, kvUse: number | null, kvCapacityTokens: number | null): void {
    this.kvUse[shard] = kvUse ?? Number.NaN;
    this.kvCapacityTokens[shard] = kvCapacityTokens ?? this.kvCapacityTokens[shard];
    this.#tokensAtReport[shard] = this.tokens[shard];
  }

  /** Requests on the shard now, those of other gateways included as far as it reports them. */
  requestsNow(shard: number): number {
    const own = this.requests[shard];
    return Math.max(own, this.#reportedRequests[shard] + own - this.#requestsAtReport[shard]);
  }

  /**
   * Requests that wait in the shard's queue: those of the last report, less what has ended since over what was sent.
   * What was sent counts in `requests` only, whether it waits or runs: the same on every shard.
   */
  waitingNow(shard: number): number {
    const since = this.requests[shard] - this.#requestsAtReport[shard];
    return Math.max(0, this.#reportedWaiting[shard] + Math.min(0, since));
  }

  /** Mean tokens, in and out, of the gateway's requests in flight on the pool. @param none what it is without any */
  meanTokens(none: number): number {
    return this.#allRequests === 0 ? none : this.#allTokens / this.#allRequests;
  }

  /** Part of the KV cache in use, with what was sent there since the report; NaN where unknown. */
  kvUseNow(shard: number): number {
    const since = this.tokens[shard] - this.#tokensAtReport[shard];
    return Math.max(0, this.kvUse[shard] + since * this.kvUsePerToken(shard));
  }

  /**
   * The part of the KV cache that a token in flight takes: as much as one did at the report, since some are shared and
   * others not generated yet; at most a whole place. 0 where the capacity is unknown.
   */
  kvUsePerToken(shard: number): number {
    const capacity = this.kvCapacityTokens[shard];
    if (!(capacity > 0)) return 0;
    const tokens = this.#tokensAtReport[shard];
    return tokens > 0 ? Math.min(1 / capacity, this.kvUse[shard] / tokens) : 1 / capacity;
  }
}

const STILL: Clock = { now: () => 0 };
