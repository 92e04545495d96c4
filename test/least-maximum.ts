import { type ExpertLoad, layerLoad } from "../src/model/load.ts";
import type { Placement, ReplicaIndex } from "../src/model/placement.ts";
import { gpuCount, gpuOfSlot } from "../src/model/topology.ts";
import { leastValue } from "./least-value.ts";

/**
 * The least maximum of a layer's GPU load / speed over all splits of its experts' loads, as HiGHS finds it.
 * The load is scaled so that its mean over GPUs is 1.
 */
export function leastMaximum(
  placement: Placement,
  replicas: ReplicaIndex,
  layer: number,
  load: ExpertLoad,
  speeds: Float64Array,
): number {
  const tokens = layerLoad(load, layer);
  const { experts, topology } = placement;
  const mean = tokens.reduce((sum, value) => sum + value, 0) / gpuCount(topology);
  const onGpu: string[][] = Array.from({ length: gpuCount(topology) }, () => []);
  const rows: string[] = [];
  for (let expert = 0; expert < experts; expert++) {
    const row = layer * experts + expert;
    const slots = replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1]);
    rows.push(`${Array.from(slots, (slot) => `x${slot}`).join(" + ")} = ${tokens[expert] / mean}`);
    for (const slot of slots) onGpu[gpuOfSlot(topology, slot)].push(`x${slot}`);
  }
  for (const [gpu, slots] of onGpu.entries()) {
    if (slots.length > 0) rows.push(`${slots.join(" + ")} - ${speeds[gpu]} T <= 0`);
  }
  return leastValue(`Minimize\nT\nSubject To\n${rows.join("\n")}\nEnd`) * mean;
}
