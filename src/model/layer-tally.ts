import { type Topology, gpuCount, slotCount } from "./topology.ts";

/** What one layer's dispatch of one batch came to. Reset and filled by every dispatch. */
export interface LayerTally {
  /** `[gpus]`: selections each GPU computes. */
  readonly gpuLoad: Int32Array;
  /** `[slots]`: selections each physical expert computes. */
  readonly slotLoad: Int32Array;
  /** `[gpus]`: selections each source GPU sends out (its own GPU included). */
  readonly selectionsFrom: Int32Array;
  /** `[gpus]`: (token, node ≠ source node) pairs by the token's source GPU: what it sends between nodes. */
  readonly nodeSends: Int32Array;
  /** `[gpus]`: the same pairs by the GPU of the destination node that receives and forwards them: the source's peer. */
  readonly nodeReceives: Int32Array;
  /** `[gpus]`: (token, rank ≠ source) pairs by destination GPU. */
  readonly rankReceives: Int32Array;
  hops: number;
  nodeHops: number;
  /** Selections dispatched (-1 not counted). */
  selections: number;
}

export function layerTally(topology: Topology): LayerTally {
  const gpus = gpuCount(topology);
  return {
    gpuLoad: new Int32Array(gpus),
    slotLoad: new Int32Array(slotCount(topology)),
    selectionsFrom: new Int32Array(gpus),
    nodeSends: new Int32Array(gpus),
    nodeReceives: new Int32Array(gpus),
    rankReceives: new Int32Array(gpus),
    hops: 0,
    nodeHops: 0,
    selections: 0,
  };
}

export function resetTally(tally: LayerTally): void {
  tally.gpuLoad.fill(0);
  tally.slotLoad.fill(0);
  tally.selectionsFrom.fill(0);
  tally.nodeSends.fill(0);
  tally.nodeReceives.fill(0);
  tally.rankReceives.fill(0);
  tally.hops = 0;
  tally.nodeHops = 0;
  tally.selections = 0;
}
