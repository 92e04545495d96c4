import type { Rng } from "../lib/rng.ts";
import type { RoutingPolicy } from "../model/routing-policy.ts";
import type { RoutableRequest } from "./routable-request.ts";
import type { ShardStates } from "./shard-states.ts";

/** Why no shard may serve a request. */
export type Unavailable =
  | "no_such_model"
  | "no_such_rank"
  | "not_in_subset"
  | "not_ready"
  | "circuit_open"
  | "all_tried"
  | "at_capacity";

/** One reason to keep a request from a shard. */
export interface Filter {
  readonly reason: Unavailable;
  /** Clears `eligible[shard]` for every shard that may not serve the request. */
  exclude(request: RoutableRequest, shards: ShardStates, eligible: Uint8Array): void;
}

/** One reason to prefer a shard. Every scorer uses the same unit, so that they add up without tuning. */
export interface Scorer {
  /** For a person: that of its file. */
  readonly name: string;
  /**
   * Adds to `cost[shard]`, for every shard: `weight` × the work in tokens of prefill that the request waits for, or
   * causes, there. Never below 0.
   */
  add(request: RoutableRequest, shards: ShardStates, weight: number, cost: Float64Array): void;
  /** The request was sent there; the scorer may remember it. */
  routed?(request: RoutableRequest, shard: number): void;
  /** The shard has lost its memory: it was restarted. */
  forget?(shard: number): void;
  /**
   * Takes over what a scorer remembered that this one takes the place of; without effect where that is of another kind.
   * @param previous `[shards]`: the place of each shard before; −1 for those that are new
   */
  resume?(before: Scorer, previous: Int32Array): void;
}

/** @returns one of the shards with `eligible[shard]` set, by their cost; there is at least one */
export type Picker = (cost: Float64Array, eligible: Uint8Array, shards: ShardStates, rng: Rng) => number;

/** Filter, score, pick: plug-ins with what they remember of one pool. */
export interface Policy {
  readonly name: RoutingPolicy;
  readonly filters: readonly Filter[];
  readonly scorers: readonly { readonly scorer: Scorer; readonly weight: number }[];
  readonly picker: Picker;
}
