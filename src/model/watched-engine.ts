/**
 * What may be wrong with an engine's own load balancing (control/ingest/engine-watch.ts):
 * - `stopped`: it rebalances no more, without an error;
 * - `frozen`: its counts do not move while it serves;
 * - `map`: ranks hold another map of experts than most;
 * - `table`: ranks dispatch by another table than they should;
 * - `silent`: its reports have stopped coming.
 */
export const ENGINE_FAULTS = ["stopped", "frozen", "map", "table", "silent"] as const;
export type EngineFaultKind = (typeof ENGINE_FAULTS)[number];

export interface EngineFault {
  /** One of ENGINE_FAULTS, or what a leader of a later version finds. */
  readonly kind: string;
  /** Those concerned, ascending; empty where it is not about some of them. */
  readonly ranks: readonly number[];
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** One clause for a person. */
  readonly text: string;
}

/** What is known of the load balancing of a pool whose engine does it by itself. Plain JSON. */
export interface WatchedEngine {
  /** With its version. */
  readonly name: string;
  /** Steps of the model since the engine's start. */
  readonly step: number;
  /** Since the engine's start. */
  readonly rebalances: number;
  /** It rebalances every so many steps; 0: not at all. */
  readonly rebalanceEvery: number;
  /** Steps since a rebalance was seen, or since it is watched. */
  readonly stepsSinceRebalance: number;
  /** How its kernels pick a replica. */
  readonly dispatch: string;
  /** Σ mean / Σ max over GPUs of what its slots received in the last window, 0..1; null when nothing was forwarded. */
  readonly balancedness: number | null;
  /** Ranks it has said something of. */
  readonly ranks: number;
  /** Of its last report. */
  readonly windowMs: number;
  /** When that came, milliseconds since 1970. */
  readonly measuredAtMs: number;
  /** In the order of ENGINE_FAULTS. */
  readonly faults: readonly EngineFault[];
}
