import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";
import { keepersOf } from "./keepers.ts";

/**
 * What a placement leaves in a pool of another size. Rank r stays rank r; what ranks held that are gone is lost, and
 * ranks that are new hold nothing. A rank that has to let go of experts keeps those that no other rank can keep, then
 * those with most load. What stays keeps its slot where that is still there. The result may lack experts.
 */
export function fitPlacement(
  previous: Placement,
  load: ExpertLoad,
  topology: Topology,
  capacity: PoolCapacity,
): Placement {
  const { layers, experts } = previous;
  const ranks = Math.min(gpuCount(previous.topology), gpuCount(topology));
  const before = previous.topology.slotsPerGpu;
  const width = slotCount(topology);
  const physicalToLogical = new Int32Array(layers * width).fill(-1);
  for (let layer = 0; layer < layers; layer++) {
    const held = Array.from({ length: ranks }, (_, rank) => {
      const first = layer * slotCount(previous.topology) + rank * before;
      return Array.from({ length: before }, (__, i) => previous.physicalToLogical[first + i]);
    });
    const kept = keepersOf(held, capacity.slots, layerLoad(load, layer));
    for (let rank = 0; rank < ranks; rank++) {
      const first = layer * width + rank * topology.slotsPerGpu;
      const row = physicalToLogical.subarray(first, first + capacity.slots[rank]);
      seat(held[rank], kept[rank], row);
    }
  }
  return { layers, experts, topology, physicalToLogical };
}

/**
 * @param held `[slots before]`: expert of each, −1 for none
 * @param kept of those, at most as many as `row` is long
 * @param row  one rank's slots, all −1, written
 */
function seat(held: readonly number[], kept: ReadonlySet<number>, row: Int32Array): void {
  const waiting = new Set(kept);
  for (let slot = 0; slot < row.length && slot < held.length; slot++) {
    if (waiting.delete(held[slot])) row[slot] = held[slot];
  }
  for (const expert of waiting) row[row.indexOf(-1)] = expert;
  // A second replica on the rank is worth nothing, and costs nothing as long as nothing else needs its slot.
  for (let slot = 0; slot < row.length && slot < held.length; slot++) {
    if (row[slot] < 0 && kept.has(held[slot])) row[slot] = held[slot];
  }
}
