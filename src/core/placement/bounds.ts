import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import { gpuCount, slotCount, type Topology } from "../../model/topology.ts";

/** What no placement and no split of the tokens can better. */
export interface LayerBound {
  /** The maximum GPU load is at least this. */
  readonly value: number;
  /**
   * What makes it so: `mean`: all load over all GPUs; `hottest`: the hottest expert with every redundant slot,
   * on as many GPUs as that reaches.
   */
  readonly kind: "mean" | "hottest";
}

/** One lower bound on the maximum GPU load for every layer, whatever the shares of the replicas. */
export function layerBounds(load: ExpertLoad, topology: Topology): LayerBound[] {
  const gpus = gpuCount(topology);
  const reach = Math.min(gpus, 1 + slotCount(topology) - load.experts);
  return Array.from({ length: load.layers }, (_, layer) => {
    const tokens = layerLoad(load, layer);
    let sum = 0;
    let max = 0;
    for (let expert = 0; expert < tokens.length; expert++) {
      sum += tokens[expert];
      if (tokens[expert] > max) max = tokens[expert];
    }
    const mean = sum / gpus;
    const hottest = max / reach;
    return hottest > mean ? { value: hottest, kind: "hottest" } : { value: mean, kind: "mean" };
  });
}
