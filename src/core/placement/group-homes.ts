import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { zonesOf } from "./zones.ts";

/**
 * The node that each group of the gate's has as its home in each layer of a placement: the one that holds most of it; of a
 * group that is gone, one that is home to the fewest.
 * @param groups divides the experts
 * @returns `[layers][experts]`: the home of each expert's group
 */
export function groupHomes(placement: Placement, groups: number, capacity: PoolCapacity): Int32Array {
  const { layers, experts, topology, physicalToLogical } = placement;
  const width = slotCount(topology);
  const size = experts / groups;
  const { slots } = zonesOf(topology, capacity, true);
  const homes = new Int32Array(layers * experts);
  for (let layer = 0; layer < layers; layer++) {
    const held = Array.from({ length: groups }, () => new Int32Array(topology.nodes));
    for (let slot = 0; slot < width; slot++) {
      const expert = physicalToLogical[layer * width + slot];
      const node = Math.floor(slot / (topology.gpusPerNode * topology.slotsPerGpu));
      if (expert >= 0) held[Math.floor(expert / size)][node]++;
    }
    const groupsAt = new Int32Array(topology.nodes);
    const most = (counts: Int32Array) => Math.max(...counts);
    // Those that are somewhere first.
    for (const group of [...held.keys()].toSorted((a, b) => most(held[b]) - most(held[a]))) {
      const nodes = [...slots.keys()].filter((node) => slots[node] > 0);
      const best = nodes.reduce((a, b) => {
        const more = held[group][b] - held[group][a] || groupsAt[a] / slots[a] - groupsAt[b] / slots[b];
        return more > 0 ? b : a;
      });
      groupsAt[best]++;
      homes.fill(best, layer * experts + group * size, layer * experts + (group + 1) * size);
    }
  }
  return homes;
}
