import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** `[layers][gpus]`: the load every GPU carries when each expert's tokens are split by `shares` (`[layers][slots]`). */
export function gpuLoads(placement: Placement, shares: ReadonlyNumbers, load: ExpertLoad): Float64Array {
  const { layers, experts, topology, physicalToLogical } = placement;
  const gpus = gpuCount(topology);
  const width = slotCount(topology);
  const loads = new Float64Array(layers * gpus);
  for (let layer = 0; layer < layers; layer++) {
    for (let slot = 0; slot < width; slot++) {
      const i = layer * width + slot;
      if (physicalToLogical[i] < 0) continue;
      const gpu = Math.floor(slot / topology.slotsPerGpu);
      loads[layer * gpus + gpu] += load.tokens[layer * experts + physicalToLogical[i]] * shares[i];
    }
  }
  return loads;
}

/**
 * Σ_layers mean / Σ_layers max over GPUs: every layer is a barrier, so this is the part of expert time that
 * is not spent waiting. 1 when nothing is loaded.
 * @param loads   `[layers][gpus]`
 * @param serving GPUs in service, over which the mean is taken
 */
export function balancedness(loads: ReadonlyNumbers, gpus: number, serving: number = gpus): number {
  let sumMean = 0;
  let sumMax = 0;
  for (let row = 0; row < loads.length; row += gpus) {
    let max = 0;
    let sum = 0;
    for (let gpu = 0; gpu < gpus; gpu++) {
      const load = loads[row + gpu];
      sum += load;
      if (load > max) max = load;
    }
    sumMean += sum / serving;
    sumMax += max;
  }
  return sumMax === 0 ? 1 : sumMean / sumMax;
}
