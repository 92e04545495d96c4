import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { gpuOfSlot, slotCount } from "../../model/topology.ts";

/**
 * The placement that is left when slots are gone (GPUs out of service, or with fewer slots), made whole again: every
 * expert that has lost its last copy gets an empty slot, else one whose expert has another copy, the least loaded
 * first. Nothing else moves. Where the usable slots are fewer than the experts, those with the least load stay without.
 */
export function rehomeExperts(previous: Placement, load: ExpertLoad, capacity: PoolCapacity): Placement {
  const { layers, experts, topology } = previous;
  const width = slotCount(topology);
  const usable = (slot: number) => slot % topology.slotsPerGpu < capacity.slots[gpuOfSlot(topology, slot)];
  const physicalToLogical = Int32Array.from({ length: layers * width }, (_, i) =>
    usable(i % width) ? previous.physicalToLogical[i] : -1,
  );
  for (let layer = 0; layer < layers; layer++) {
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    const tokens = layerLoad(load, layer);
    const copies = new Int32Array(experts);
    for (const expert of row) if (expert >= 0) copies[expert]++;
    const lost = [...copies.keys()].filter((e) => copies[e] === 0).toSorted((a, b) => tokens[b] - tokens[a]);
    for (const expert of lost) {
      let best = -1;
      let least = Number.POSITIVE_INFINITY;
      for (let slot = 0; slot < width; slot++) {
        if (!usable(slot)) continue;
        const held = row[slot];
        if (held >= 0 && copies[held] < 2) continue;
        const carried = held < 0 ? -1 : tokens[held] / copies[held];
        if (carried < least) {
          least = carried;
          best = slot;
        }
      }
      if (best < 0) break;
      if (row[best] >= 0) copies[row[best]]--;
      row[best] = expert;
      copies[expert]++;
    }
  }
  return { ...previous, physicalToLogical };
}
