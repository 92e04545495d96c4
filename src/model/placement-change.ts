import type { Topology } from "./topology.ts";

/** What a decision changed of a pool's placement: between what was in force before its first epoch and its last. */
export interface PlacementChange {
  /** The `id` of its record. */
  readonly decision: number;
  /** The epoch before its first, and its last. */
  readonly epochBefore: number;
  readonly epochAfter: number;
  readonly layers: number;
  readonly experts: number;
  readonly topology: Topology;
  readonly slots: SlotChanges;
  /** The experts that these slots held, or hold. */
  readonly touched: TouchedExperts;
}

/** Slots that hold something else than before, ascending; `[slots]` each. */
export interface SlotChanges {
  /** Row of the layer · slots of a layer + slot. */
  readonly at: Int32Array;
  /** Experts; -1 for none. */
  readonly before: Int32Array;
  readonly after: Int32Array;
  /** 1 where weights had to come from another GPU; 0 where this one held the expert in that layer already. */
  readonly came: Uint8Array;
}

/** `[touched]` each, ascending. */
export interface TouchedExperts {
  /** Row of the layer · experts + expert. */
  readonly at: Int32Array;
  readonly replicasBefore: Int32Array;
  /** The load that was expected when it was decided, in hundredths of an even part of the layer. */
  readonly load: Int32Array;
  /** By that load in its layer, from 1 for the heaviest; 0 where no load was known. */
  readonly place: Int32Array;
}

/** The load that the placement in force was made for. */
export interface PlacedForecast {
  readonly decision: number;
  /** When it was decided, milliseconds since 1970. */
  readonly atMs: number;
  /** `[layers][experts]`, relative to an even part, two decimals. */
  readonly load: readonly (readonly number[])[];
}

/** What is kept of a pool's last decisions beside their records. */
export interface PoolChanges {
  /** Null before the first placement that was weighed. */
  readonly forecast: PlacedForecast | null;
  /** The oldest first. */
  readonly changes: readonly PlacementChange[];
}

export const NO_CHANGES: PoolChanges = { forecast: null, changes: [] };
