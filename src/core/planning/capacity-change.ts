import type { ExpertLoad } from "../../model/load.ts";
import { type Placement, servedExperts } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { gpuOfSlot, slotCount } from "../../model/topology.ts";
import { bringBack } from "../placement/rehome-experts.ts";

/** Of GPUs, slot by slot; that their speeds change is not asked. */
export function sameCapacity(a: PoolCapacity, b: PoolCapacity): boolean {
  return a.slots.every((slots, gpu) => slots === b.slots[gpu]);
}

/** Experts that have no replica get one, by the fewest moves; null where there is room for none. */
export function repaired(placement: Placement, load: ExpertLoad, capacity: PoolCapacity): Placement | null {
  const repair = bringBack(placement, load, capacity);
  return servedExperts(repair) > servedExperts(placement) ? repair : null;
}

/** Whether every slot holds the same expert; both are of one shape. */
export function sameSlots(a: Placement, b: Placement): boolean {
  for (let i = 0; i < a.physicalToLogical.length; i++) {
    if (a.physicalToLogical[i] !== b.physicalToLogical[i]) return false;
  }
  return true;
}

/** Which GPUs are out of service, for a person. */
export function serviceText({ slots }: PoolCapacity): string {
  const out = [...slots.keys()].filter((gpu) => slots[gpu] === 0);
  if (out.length === 0) return "all ranks are in service again";
  return out.length === 1 ? `rank ${out[0]} is out of service` : `ranks ${out.join(", ")} are out of service`;
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
