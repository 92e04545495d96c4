import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { Shares } from "../../model/shares.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";
import { LayerFlow } from "./layer-flow.ts";

/** Shares and prices, with what proves that they are the best. */
export interface ShareSolution extends Shares {
  readonly values: Float64Array;
  readonly prices: Float64Array;
  /** `[layers]`: the least maximum of GPU load / speed that any split over this placement can reach. */
  readonly optimum: Float64Array;
}

/**
 * Splits every expert's load over its replicas so that each layer's maximum GPU load is the least possible,
 * exactly (up to rounding), with the dual prices that prove it. A layer without load is split evenly; the load of an
 * expert without replicas does not count.
 *
 * @param speeds `[gpus]`: what is minimised is the maximum of load / speed; by default all are 1
 * @param last   `[layers][slots]`: shares of the same placement to begin from: what can stay as it is stays
 *
 * Method: parametric maximum flow by Newton's iteration on the maximum T (Dinkelbach). T starts at a lower
 * bound; while the experts' loads do not fit under T, the minimum cut names a set of GPUs S whose forced load
 * divided by |S| is a higher lower bound, which becomes the next T. The last cut is the certificate.
 */
export function solveShares(
  placement: Placement,
  replicas: ReplicaIndex,
  load: ExpertLoad,
  speeds: Float64Array = new Float64Array(gpuCount(placement.topology)).fill(1),
  last: ReadonlyNumbers | null = null,
): ShareSolution {
  const { layers, topology } = placement;
  const gpus = gpuCount(topology);
  const width = slotCount(topology);
  const values = new Float64Array(layers * width);
  const prices = new Float64Array(layers * gpus);
  const optimum = new Float64Array(layers);
  const flow = new LayerFlow(placement, replicas, speeds);
  for (let layer = 0; layer < layers; layer++) {
    flow.solve(
      layer,
      load.tokens.subarray(layer * load.experts, (layer + 1) * load.experts),
      values.subarray(layer * width, (layer + 1) * width),
      prices.subarray(layer * gpus, (layer + 1) * gpus),
      last,
    );
    optimum[layer] = flow.optimum;
  }
  return { values, prices, optimum };
}
