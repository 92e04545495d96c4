import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { Topology } from "../../model/topology.ts";

/** Parts of a pool between which experts are dealt out first: its nodes, or the pool as a whole. */
export interface Zones {
  readonly count: number;
  /** `[gpus]`: the zone of each GPU. */
  readonly ofGpu: Int32Array;
  /** `[zones]`: GPUs in service. */
  readonly gpus: Int32Array;
  /** `[zones]`: usable slots of each. */
  readonly slots: Int32Array;
  /** `[zones]`: speeds of the GPUs in service, summed. */
  readonly speeds: Float64Array;
}

/** @param byNode false: one zone that holds every GPU */
export function zonesOf(topology: Topology, capacity: PoolCapacity, byNode: boolean): Zones {
  const count = byNode ? topology.nodes : 1;
  const all = capacity.slots.length;
  const ofGpu = Int32Array.from({ length: all }, (_, gpu) =>
    byNode ? Math.floor(gpu / topology.gpusPerNode) : 0,
  );
  const gpus = new Int32Array(count);
  const slots = new Int32Array(count);
  const speeds = new Float64Array(count);
  for (let gpu = 0; gpu < all; gpu++) {
    if (capacity.slots[gpu] === 0) continue;
    gpus[ofGpu[gpu]]++;
    slots[ofGpu[gpu]] += capacity.slots[gpu];
    speeds[ofGpu[gpu]] += capacity.speeds[gpu];
  }
  return { count, ofGpu, gpus, slots, speeds };
}
