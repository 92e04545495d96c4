import type { WatchedEngine } from "./watched-engine.ts";

/** How a pool is, as the event stream says it when it changes. Plain JSON. */
export interface PoolState {
  readonly pool: string;
  /** How many there are, by the topology. */
  readonly ranks: number;
  /** Ascending. `how`: somebody `reported` it; it fell `silent`; it has `restarted` and holds nothing yet. */
  readonly lost: readonly { readonly rank: number; readonly how: "reported" | "silent" | "restarted" }[];
  /** Ranks that an operator wants to be empty: those that still hold experts, and those that are. Ascending. */
  readonly draining: readonly number[];
  readonly drained: readonly number[];
  /** Experts without any replica, by the model's own number of their layer. */
  readonly missing: readonly { readonly layer: number; readonly experts: readonly number[] }[];
  /** Who leads it, and since when, milliseconds since 1970 by its clock; null where nobody is known to, now. */
  readonly leader: { readonly gateway: string; readonly sinceMs: number } | null;
  /** The stage of a placement that is on its way: ranks prepare it, or it is published and they switch to it. */
  readonly rollout: {
    readonly reason: string;
    readonly phase: "prepare" | "commit";
    readonly stage: number;
    readonly stages: number;
  } | null;
  /** An operator holds placements. */
  readonly paused: boolean;
  /** The load line: how many times as long as with all GPUs level a step may take, 1 and more. */
  readonly loadLine: number;
  /** The engine's own load balancing, where it reports it. */
  readonly engine: WatchedEngine | null;
}

/** How a gateway is, beside its pools. */
export interface GatewayState {
  readonly gateway: string;
  /** What is wrong with the store, for a person; null where nothing is known to be. */
  readonly store: { readonly name: string; readonly fault: string | null };
}
