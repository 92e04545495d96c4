import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/**
 * How many slots of each GPU compute anything in a step's layer, as expected where all of `steps` steps are alike and
 * tokens choose by themselves: a slot of λ tokens a step is idle in e^−λ of them. Steps that differ activate fewer.
 * @param shares `[layers][slots]`
 * @param load   of all the steps
 * @returns `[gpus]`, mean over layers
 */
export function expectedActivated(
  placement: Placement,
  shares: ReadonlyNumbers,
  load: ExpertLoad,
  steps: number,
): Float64Array {
  const { layers, experts, topology, physicalToLogical } = placement;
  const width = slotCount(topology);
  const activated = new Float64Array(gpuCount(topology));
  for (let i = 0; i < layers * width; i++) {
    if (physicalToLogical[i] < 0) continue;
    const layer = Math.floor(i / width);
    const tokens = load.tokens[layer * experts + physicalToLogical[i]] * shares[i];
    activated[Math.floor((i - layer * width) / topology.slotsPerGpu)] -= Math.expm1(-tokens / steps) / layers;
  }
  return activated;
}
