import type { Candidates, Unavailable } from "../plug-in.ts";
import type { RoutableRequest } from "../routable-request.ts";
import type { ShardStates } from "../shard-states.ts";
import type { LocalityQuestion } from "../locality/locality-question.ts";

/** What a token in flight counts whose prompt is done, or that is yet to be generated: read in every step, not computed. */
const DECODING = 0.25;

/** One of the pools that serve a model. */
export interface PoolCandidate {
  /** Of all pools. */
  readonly name: string;
  /** The one that has its place now, after reloads; itself where none has taken that. */
  readonly current: PoolCandidate;
  readonly states: ShardStates;
  /** Whether some of its experts are on none of its ranks. */
  readonly degraded: boolean;
  /**
   * Which filter keeps a request from every one of its shards; null when one may serve it.
   * @param generates whether it has to be prefilled, where servers of their own do that
   */
  unavailable(request: RoutableRequest, generates: boolean): Unavailable | null;
}

/** A request as pools are chosen for it: `affinityKey` is of its session alone, and `tried` are pools. */
export interface PoolRequest extends RoutableRequest {
  readonly generates: boolean;
  /** `[pools]`: the name of its model there. */
  readonly models: readonly string[];
  /** `[pools]`: the shards there that may serve it; null for all of the pool's, or of every pool's. */
  readonly amongs: readonly (ReadonlySet<number> | null)[] | null;
  /** `[pools]`: 1 for those that its headers ask for; null for none. */
  readonly asked: Uint8Array | null;
  /** Null where it does not count which experts it uses. */
  readonly locality: LocalityQuestion | null;
}

/**
 * What a request in flight is to a step beside the tokens that it attends to, in these: its own one is computed. That is
 * 67 µs of an H800 where steps compute as much as they can (`DECODING`), 23 ns for one that is attended to: 2,900. Steps
 * that wait for weights compute less than they can.
 */
const REQUEST_TOKENS = 1000;

/** How much of a pool a request takes while it is in flight. @param tokens in and out */
export function heldBy(tokens: number): number {
  return tokens + REQUEST_TOKENS;
}

/** What is known of a model's pools, `[pools]` each, when a request is routed. */
export class PoolStates implements Candidates {
  readonly count: number;
  readonly pools: readonly PoolCandidate[];
  readonly ready: Uint8Array;
  readonly admitting: Uint8Array;
  readonly weight: Float64Array;
  readonly tier: Uint8Array;
  readonly slowness: Float64Array;
  /** The parts of the requests that they are to get; null where these go by load. */
  readonly parts: Float64Array | null;
  /** Tokens of prefill work that are in flight on a shard of mean size. */
  readonly load: Float64Array;
  /** Tokens of the requests in flight, as `heldBy` has them, by the pool's size; by its part, where it is to get one. */
  readonly held: Float64Array;
  /** What a token in flight counts there. */
  readonly scale: Float64Array;
  /** By cache, by requests allowed, by shards: the first by which all pools have a size is used. */
  readonly #sizes: readonly [Float64Array, Float64Array, Float64Array];

  constructor(pools: readonly PoolCandidate[], parts: Float64Array | null) {
    this.count = pools.length;
    this.pools = pools;
    this.parts = parts;
    this.ready = new Uint8Array(this.count);
    this.admitting = new Uint8Array(this.count);
    this.weight = new Float64Array(this.count).fill(1);
    this.tier = new Uint8Array(this.count);
    this.slowness = new Float64Array(this.count).fill(1);
    this.load = new Float64Array(this.count);
    this.held = new Float64Array(this.count);
    this.scale = new Float64Array(this.count);
    this.#sizes = [new Float64Array(this.count), new Float64Array(this.count), new Float64Array(this.count)];
  }

  /** Looks at the pools, for this request. */
  update(request: PoolRequest): void {
    const { models, amongs, generates } = request;
    for (let i = 0; i < this.count; i++) {
      const pool = this.pools[i].current;
      const among = amongs === null ? null : amongs[i];
      const there: RoutableRequest = { ...request, model: models[i], among, tried: NONE };
      this.ready[i] = pool.unavailable(there, generates) === null ? 1 : 0;
      this.admitting[i] = pool.degraded ? 0 : 1;
      if (this.parts === null || request.locality !== null)
        this.#measure(i, request.inputTokens + request.outputTokens);
    }
    if (this.parts === null) this.#relate();
    else if (request.locality !== null) this.#relateToParts(this.parts);
  }

  /** Of the shards that serve now. @param none what the mean request is taken for where there is none */
  #measure(pool: number, none: number): void {
    const { states } = this.pools[pool].current;
    const { count, ready, admitting, weight, requests, tokens, prefillTokens } = states;
    const mean = states.meanTokens(none);
    let work = 0;
    let held = 0;
    let cache = 0;
    let allowed = 0;
    let shards = 0;
    for (let shard = 0; shard < count; shard++) {
      if (ready[shard] === 0 || admitting[shard] === 0) continue;
      const prefill = prefillTokens[shard];
      const others = (states.requestsNow(shard) - requests[shard]) * mean;
      held += tokens[shard] + others + REQUEST_TOKENS * states.requestsNow(shard);
      work += prefill + DECODING * (tokens[shard] - prefill + others) + states.waitingNow(shard) * mean;
      shards += weight[shard];
      // One that is not known makes the sum unknown.
      cache += weight[shard] * states.kvCapacityTokens[shard];
      const most = states.maxRequests[shard];
      allowed += weight[shard] * (most === 0 ? Number.NaN : most);
    }
    this.load[pool] = work;
    this.held[pool] = held;
    this.#sizes[0][pool] = cache;
    this.#sizes[1][pool] = allowed;
    this.#sizes[2][pool] = shards;
  }

  /** Work by size, so that small and large pools are filled alike. */
  #relate(): void {
    const { load, ready } = this;
    const shards = this.#sizes[2];
    const size = this.#sizes.find((sizes) => sizes.every((one, i) => ready[i] === 0 || one > 0)) ?? shards;
    let all = 0;
    let allShards = 0;
    for (let i = 0; i < this.count; i++) {
      if (ready[i] === 0) continue;
      all += size[i];
      allShards += shards[i];
    }
    // Where circuits are ignored, pools may have no shard that serves.
    const perShard = allShards > 0 ? all / allShards : 1;
    for (let i = 0; i < this.count; i++) {
      const scale = size[i] > 0 ? perShard / size[i] : 1;
      load[i] *= scale;
      this.held[i] *= scale;
      this.scale[i] = scale;
    }
  }

  /** What is held by the parts that pools are to get, of those that serve; one without a part is full. */
  #relateToParts(parts: Float64Array): void {
    let all = 0;
    let serving = 0;
    for (let i = 0; i < this.count; i++) {
      all += this.ready[i] * parts[i];
      serving += this.ready[i];
    }
    for (let i = 0; i < this.count; i++) {
      const scale = all > 0 ? all / serving / Math.max(parts[i], LEAST_PART) : 1;
      this.held[i] *= scale;
      this.scale[i] = scale;
    }
  }
}

const LEAST_PART = 1e-9;
const NONE: readonly number[] = [];
