import { type Topology, gpuCount } from "./topology.ts";

/** What each GPU of a pool can take; GPUs may differ, and some may be out of service. */
export interface PoolCapacity {
  /** `[gpus]`: usable slots per layer, 0..slotsPerGpu; 0 = out of service. The slots beyond stay empty (−1). */
  readonly slots: Int32Array;
  /** `[gpus]`: how fast each computes relative to the others, > 0; load is balanced as tokens / speed. */
  readonly speeds: Float64Array;
}

/** Every GPU in service, with all its slots and the same speed. */
export function fullCapacity(topology: Topology): PoolCapacity {
  const gpus = gpuCount(topology);
  return { slots: new Int32Array(gpus).fill(topology.slotsPerGpu), speeds: new Float64Array(gpus).fill(1) };
}

/** The capacity with nothing on these GPUs. */
export function outOfService(capacity: PoolCapacity, gpus: readonly number[]): PoolCapacity {
  const slots = capacity.slots.slice();
  for (const gpu of gpus) slots[gpu] = 0;
  return { ...capacity, slots };
}
