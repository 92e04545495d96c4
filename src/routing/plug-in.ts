import type { Rng } from "../lib/rng.ts";
import type { RoutableRequest } from "./routable-request.ts";
import type { ShardStates } from "./shard-states.ts";

/** Why no shard may serve a request. */
export type Unavailable =
  | "no_server"
  | "no_such_model"
  | "no_such_rank"
  | "not_in_subset"
  | "not_ready"
  | "circuit_open"
  | "all_tried"
  | "at_capacity";

/** What a request is routed among: first the pools of its model, then the shards of one. Arrays are `[count]`. */
export interface Candidates {
  readonly count: number;
  /** 1 for those that can serve. */
  readonly ready: Uint8Array;
  /** 0 for those that are spared while others can serve. */
  readonly admitting: Uint8Array;
  /** Over 0 to 1: the part of an equal share that each should get. */
  readonly weight: Float64Array;
  /** Those of a higher one are for what those below cannot take. */
  readonly tier: Uint8Array;
  /** How many times as long as the typical one each takes for everything. */
  readonly slowness: Float64Array;
}

/** One reason to keep a request from a shard, or from a pool; below, what is said of shards holds for pools. */
export interface Filter<C = ShardStates, R = RoutableRequest> {
  readonly reason: Unavailable;
  /** Clears `eligible[shard]` for every shard that may not serve the request. */
  exclude(request: R, shards: C, eligible: Uint8Array): void;
}

/** One reason to prefer a shard. Every scorer uses the same unit, so that they add up without tuning. */
export interface Scorer<C = ShardStates, R = RoutableRequest> {
  /** For a person: that of its file. */
  readonly name: string;
  /**
   * Adds to `cost[shard]`, for every shard: `weight` × the work in tokens of prefill that the request waits for, or
   * causes, there. Never below 0.
   */
  add(request: R, shards: C, weight: number, cost: Float64Array): void;
  /** Of the request that `add` was called with last: the tokens of its prompt that the shard would have to compute. */
  uncached?(request: R, shard: number): number;
  /** The request was sent there; the scorer may remember it. */
  routed?(request: R, shard: number): void;
  /** The shard has lost its memory: it was restarted. */
  forget?(shard: number): void;
  /**
   * Takes over what a scorer remembered that this one takes the place of; without effect where that is of another kind.
   * @param previous `[shards]`: the place of each shard before; −1 for those that are new
   */
  resume?(before: object, previous: Int32Array): void;
}

/** @returns one of the shards with `eligible[shard]` set, by their cost; there is at least one */
export type Picker<C = ShardStates, R = RoutableRequest> = (
  cost: Float64Array,
  eligible: Uint8Array,
  shards: C,
  rng: Rng,
  request: R,
) => number;

/** Filter, score, pick: plug-ins with what they remember of one pool, or of one model's pools. */
export interface Policy<C = ShardStates, R = RoutableRequest> {
  /** For a person. */
  readonly name: string;
  readonly filters: readonly Filter<C, R>[];
  readonly scorers: readonly { readonly scorer: Scorer<C, R>; readonly weight: number }[];
  readonly picker: Picker<C, R>;
}
