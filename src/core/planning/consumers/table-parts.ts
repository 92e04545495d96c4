import { type Placement, gpusInService } from "../../../model/placement.ts";
import type { RankTable } from "../../../model/rank-table.ts";
import { slotCount } from "../../../model/topology.ts";

/**
 * What a table with one replica for every source rank makes of an expert's tokens, where all ranks in service send
 * equally many of them.
 * @returns `[layers][slots]`: the part of its expert's tokens that each slot gets
 */
export function tableParts(placement: Placement, table: RankTable): Float64Array {
  const { layers, experts, topology } = placement;
  const width = slotCount(topology);
  const parts = new Float64Array(layers * width);
  const senders = gpusInService(placement);
  for (const rank of senders) {
    for (let row = 0; row < layers * experts; row++) {
      const slot = table.slots[rank * layers * experts + row];
      if (slot >= 0) parts[Math.floor(row / experts) * width + slot] += 1 / senders.length;
    }
  }
  return parts;
}
