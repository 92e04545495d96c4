import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { type Topology, gpuCount, slotCount } from "./topology.ts";

/** Which logical expert each physical slot holds, per MoE layer. */
export interface Placement {
  readonly layers: number;
  readonly experts: number;
  readonly topology: Topology;
  /** `[layers][slots]`, slots GPU-major; every expert of every layer appears at least once; −1 is an empty slot. */
  readonly physicalToLogical: ReadonlyNumbers;
}

/** The inverse of a placement in compressed sparse rows: where each expert's replicas are. */
export interface ReplicaIndex {
  /** `[layers × experts + 1]`: expert e of layer l has its slots at `slots[offsets[l·experts+e] .. offsets[l·experts+e+1])`. */
  readonly offsets: Int32Array;
  /** `[layers × slotCount]`: slot numbers within the layer, ascending for each expert; behind the last, zeros for empty slots. */
  readonly slots: Int32Array;
}

/** Builds the inverse map in one counting pass. */
export function indexReplicas(placement: Placement): ReplicaIndex {
  const { layers, experts, topology } = placement;
  const offsets = new Int32Array(layers * experts + 1);
  const index = { offsets, slots: new Int32Array(layers * slotCount(topology)) };
  reindexReplicas(placement, index);
  return index;
}

/** @param index of a placement of the same shape, overwritten */
function reindexReplicas(placement: Placement, { offsets, slots }: ReplicaIndex): void {
  const { layers, experts, physicalToLogical } = placement;
  const width = slotCount(placement.topology);
  offsets.fill(0);
  slots.fill(0);
  for (let layer = 0; layer < layers; layer++) {
    const row = layer * experts;
    for (let slot = 0; slot < width; slot++) {
      const expert = physicalToLogical[layer * width + slot];
      if (expert >= 0) offsets[row + expert + 1]++;
    }
  }
  for (let i = 0; i < layers * experts; i++) offsets[i + 1] += offsets[i];
  const next = offsets.slice();
  for (let layer = 0; layer < layers; layer++) {
    const row = layer * experts;
    for (let slot = 0; slot < width; slot++) {
      const expert = physicalToLogical[layer * width + slot];
      if (expert >= 0) slots[next[row + expert]++] = slot;
    }
  }
}

/** Numbers of the GPUs that hold an expert in any layer, ascending; the others are out of service. */
export function gpusInService(placement: Placement): Int32Array {
  const gpus: number[] = [];
  for (let gpu = 0; gpu < gpuCount(placement.topology); gpu++) if (holdsAny(placement, gpu)) gpus.push(gpu);
  return Int32Array.from(gpus);
}

/** Ends at the first expert that it finds, which is nearly always in the first slot. */
function holdsAny({ layers, topology, physicalToLogical }: Placement, gpu: number): boolean {
  const { slotsPerGpu } = topology;
  const width = slotCount(topology);
  for (let layer = 0; layer < layers; layer++) {
    const first = layer * width + gpu * slotsPerGpu;
    for (let slot = first; slot < first + slotsPerGpu; slot++) if (physicalToLogical[slot] >= 0) return true;
  }
  return false;
}

/** What is wrong with a placement, as `layer L …`, or null when it is sound. */
export function placementFault(placement: Placement): string | null {
  const { layers, experts, physicalToLogical } = placement;
  const width = slotCount(placement.topology);
  if (physicalToLogical.length !== layers * width) {
    return `has ${physicalToLogical.length} slots in all; expected ${layers} layers × ${width}`;
  }
  const seen = new Uint8Array(experts);
  for (let layer = 0; layer < layers; layer++) {
    seen.fill(0);
    for (let slot = 0; slot < width; slot++) {
      const expert = physicalToLogical[layer * width + slot];
      if (!Number.isInteger(expert) || expert < -1 || expert >= experts) {
        return `layer ${layer} slot ${slot} holds expert ${expert}; expected 0..${experts - 1}, or −1 for none`;
      }
      if (expert >= 0) seen[expert] = 1;
    }
    const missing = seen.indexOf(0);
    if (missing >= 0) return `layer ${layer} has no slot for expert ${missing}`;
  }
  return null;
}

/** How many experts have a replica, summed over layers. */
export function servedExperts({ layers, experts, topology, physicalToLogical }: Placement): number {
  const width = slotCount(topology);
  const seen = new Int32Array(experts).fill(-1);
  let served = 0;
  for (let i = 0; i < layers * width; i++) {
    const expert = physicalToLogical[i];
    const layer = Math.floor(i / width);
    if (expert < 0 || seen[expert] === layer) continue;
    seen[expert] = layer;
    served++;
  }
  return served;
}
