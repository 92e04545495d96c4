import { usablePart } from "../core/placement/rehome-experts.ts";
import { indexReplicas } from "../model/placement.ts";
import { fullCapacity, outOfService } from "../model/pool-capacity.ts";
import type { ReplicaMap } from "../model/replica-map.ts";
import { slotCount } from "../model/topology.ts";

/**
 * What ranks dispatch by when some of them hold nothing of what the map names there: the other replicas of an expert get
 * its tokens, by their shares; an expert without any gets none.
 */
export function withoutRanks(map: ReplicaMap, ranks: readonly number[]): ReplicaMap {
  if (ranks.length === 0) return map;
  const { topology, layers, experts } = map.placement;
  const placement = usablePart(map.placement, outOfService(fullCapacity(topology), ranks));
  const replicas = indexReplicas(placement);
  const width = slotCount(topology);
  const values = new Float64Array(layers * width);
  for (let row = 0; row < layers * experts; row++) {
    const base = Math.floor(row / experts) * width;
    const slots = replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1]);
    let sum = 0;
    for (const slot of slots) sum += map.shares.values[base + slot];
    for (const slot of slots)
      values[base + slot] = sum > 0 ? map.shares.values[base + slot] / sum : 1 / slots.length;
  }
  return { placement, replicas, shares: { values, prices: map.shares.prices } };
}
