import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { Shares } from "../../model/shares.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";
import { solveShares } from "./solve-shares.ts";

/**
 * Shares of 0 or 1: every expert is served by one of its replicas, so that no second copy of its weights is read.
 * The exact split is rounded to each expert's largest share; then experts move, one at a time, to another of their
 * replicas as long as that lowers the fuller of the two GPUs.
 *
 * @param load what to level, such as activations (core/placement/activation.ts)
 */
export function wholeShares(
  placement: Placement,
  replicas: ReplicaIndex,
  load: ExpertLoad,
): Shares & { readonly values: Float64Array; readonly prices: Float64Array } {
  const { layers, experts, topology } = placement;
  const gpus = gpuCount(topology);
  const width = slotCount(topology);
  const { values: split, prices } = solveShares(placement, replicas, load);
  const values = new Float64Array(layers * width);
  const carried = new Float64Array(gpus);
  const chosen = new Int32Array(experts);
  for (let layer = 0; layer < layers; layer++) {
    const tokens = layerLoad(load, layer);
    carried.fill(0);
    const gpuOf = (i: number) => Math.floor(replicas.slots[i] / topology.slotsPerGpu);
    for (let e = 0; e < experts; e++) {
      const from = replicas.offsets[layer * experts + e];
      const to = replicas.offsets[layer * experts + e + 1];
      let best = from;
      for (let i = from; i < to; i++) {
        if (split[layer * width + replicas.slots[i]] > split[layer * width + replicas.slots[best]]) best = i;
      }
      chosen[e] = best;
      carried[gpuOf(best)] += tokens[e];
    }
    for (let moved = true; moved; ) {
      moved = false;
      for (let e = 0; e < experts; e++) {
        for (
          let i = replicas.offsets[layer * experts + e];
          i < replicas.offsets[layer * experts + e + 1];
          i++
        ) {
          const here = gpuOf(chosen[e]);
          const there = gpuOf(i);
          // Strictly less, beyond rounding: every move lowers the sorted loads, so this ends.
          if (carried[there] + tokens[e] >= carried[here] * (1 - 1e-12)) continue;
          carried[here] -= tokens[e];
          carried[there] += tokens[e];
          chosen[e] = i;
          moved = true;
        }
      }
    }
    for (let e = 0; e < experts; e++) values[layer * width + replicas.slots[chosen[e]]] = 1;
  }
  return { values, prices };
}
