import { int32Copy } from "../../lib/readonly-arrays.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { gpuOfSlot, slotCount } from "../../model/topology.ts";

/** Of GPUs, slot by slot; that their speeds change is not asked. */
export function sameCapacity(a: PoolCapacity, b: PoolCapacity): boolean {
  return a.slots.every((slots, gpu) => slots === b.slots[gpu]);
}

/** The placement with nothing on these GPUs. */
export function withoutGpus(placement: Placement, gpus: readonly number[]): Placement {
  const { topology } = placement;
  const width = slotCount(topology);
  const physicalToLogical = int32Copy(placement.physicalToLogical);
  for (let i = 0; i < physicalToLogical.length; i++) {
    if (gpus.includes(gpuOfSlot(topology, i % width))) physicalToLogical[i] = -1;
  }
  return { ...placement, physicalToLogical };
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

/** Whether a placement cannot stay: it uses slots that it may not, or lacks experts that there are slots for. */
export function mustChange(placement: Placement, { slots }: PoolCapacity): boolean {
  const { layers, experts, topology, physicalToLogical } = placement;
  const width = slotCount(topology);
  for (let i = 0; i < physicalToLogical.length; i++) {
    const slot = i % width;
    const usable = slots[gpuOfSlot(topology, slot)];
    if (physicalToLogical[i] >= 0 && slot % topology.slotsPerGpu >= usable) return true;
  }
  const room = slots.reduce((sum, usable) => sum + usable, 0);
  return servedExperts(placement) < layers * Math.min(experts, room);
}
