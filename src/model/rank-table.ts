import type { Topology } from "./topology.ts";

/** One fixed replica for every source rank, layer and expert: dispatch by looking up. */
export interface RankTable {
  readonly layers: number;
  readonly experts: number;
  readonly topology: Topology;
  /** `[ranks][layers][experts]`: the physical slot, one that holds the expert in that layer; −1 where none does. */
  readonly slots: Int32Array;
}
