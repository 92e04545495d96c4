import { int32Copy } from "../../lib/readonly-arrays.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { fillEmptySlots } from "./fill-slots.ts";

/**
 * For splits in which a second replica of an expert on its GPU is worth nothing: such slots get an expert that the GPU
 * lacks, and stay empty where it lacks none.
 * @param before slots that hold what they held before are left as they are; null for none
 */
export function withoutRepeats(
  placement: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  before: Placement | null = null,
): Placement {
  const { layers, topology } = placement;
  const { slotsPerGpu } = topology;
  const width = slotCount(topology);
  const physicalToLogical = int32Copy(placement.physicalToLogical);
  const repeats = new Int32Array(layers);
  for (let i = 0; i < layers * width; i++) {
    const expert = physicalToLogical[i];
    if (expert < 0 || before?.physicalToLogical[i] === expert) continue;
    const first = i - (i % slotsPerGpu);
    for (let other = first; other < first + slotsPerGpu; other++) {
      if (other === i || physicalToLogical[other] !== expert) continue;
      physicalToLogical[i] = -1;
      repeats[Math.floor(i / width)]++;
      break;
    }
  }
  if (repeats.every((count) => count === 0)) return placement;
  return fillEmptySlots({ ...placement, physicalToLogical }, load, capacity, repeats);
}
