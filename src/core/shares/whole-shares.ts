import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { Shares } from "../../model/shares.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import { solveShares } from "./solve-shares.ts";

/** Times that every expert is looked at; a few are enough, and rounding could keep it going for ever. */
const MOST_ROUNDS = 64;

/**
 * Shares of 0 or 1: every expert is served by one of its replicas, so that no second copy of its weights is read.
 * The exact split is rounded to each expert's largest share; then experts move, one at a time, to another of their
 * replicas as long as that lowers the fuller of the two GPUs.
 *
 * @param load   what to level, such as activations (core/placement/activation.ts)
 * @param speeds `[gpus]`: what is levelled is load / speed
 */
export function wholeShares(
  placement: Placement,
  replicas: ReplicaIndex,
  load: ExpertLoad,
  speeds: Float64Array,
): Shares & { readonly values: Float64Array; readonly prices: Float64Array } {
  const { layers, experts, topology } = placement;
  const { offsets, slots } = replicas;
  const width = slotCount(topology);
  const { values: split, prices } = solveShares(placement, replicas, load, speeds);
  const values = new Float64Array(layers * width);
  const carried = new Float64Array(gpuCount(topology));
  const chosen = new Int32Array(experts);
  for (let layer = 0; layer < layers; layer++) {
    const tokens = layerLoad(load, layer);
    const first = layer * width;
    carried.fill(0);
    for (let e = 0; e < experts; e++) {
      const row = layer * experts + e;
      let best = slots[offsets[row]];
      for (let i = offsets[row]; i < offsets[row + 1]; i++) {
        if (split[first + slots[i]] > split[first + best]) best = slots[i];
      }
      chosen[e] = best;
      carried[gpuOfSlot(topology, best)] += tokens[e];
    }
    let moved = true;
    for (let round = 0; moved && round < MOST_ROUNDS; round++) {
      moved = false;
      for (let e = 0; e < experts; e++) {
        const row = layer * experts + e;
        for (let i = offsets[row]; i < offsets[row + 1]; i++) {
          const here = gpuOfSlot(topology, chosen[e]);
          const there = gpuOfSlot(topology, slots[i]);
          if (here === there) continue;
          if ((carried[there] + tokens[e]) / speeds[there] >= carried[here] / speeds[here]) continue;
          carried[here] -= tokens[e];
          carried[there] += tokens[e];
          chosen[e] = slots[i];
          moved = true;
        }
      }
    }
    for (let e = 0; e < experts; e++) values[first + chosen[e]] = 1;
  }
  return { values, prices };
}
