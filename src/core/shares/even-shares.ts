import { type Placement, type ReplicaIndex } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** Every replica of an expert gets the same fraction: what an engine does without a share solver. */
export function evenShares(
  placement: Placement,
  replicas: ReplicaIndex,
): { values: Float64Array; prices: Float64Array } {
  const { layers, experts, topology } = placement;
  const width = slotCount(topology);
  const values = new Float64Array(layers * width);
  for (let row = 0; row < layers * experts; row++) {
    const from = replicas.offsets[row];
    const to = replicas.offsets[row + 1];
    const base = Math.floor(row / experts) * width;
    for (let i = from; i < to; i++) values[base + replicas.slots[i]] = 1 / (to - from);
  }
  return { values, prices: new Float64Array(layers * gpuCount(topology)) };
}
