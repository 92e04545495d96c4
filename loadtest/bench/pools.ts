import type { ExpertLoad } from "../../src/model/load.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import type { Coactivation } from "../../src/core/placement/coactivation.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import type { Placement } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { gpuCount, slotCount, type Topology } from "../../src/model/topology.ts";

/** What `place` takes by itself. */
export const HOP_WEIGHT = 10;
/** What the control loop keeps of recent tokens (core/load/routing-sample.ts). */
export const SAMPLE_TOKENS = 2048;

/** `slots/GPUs`, or `slots/GPUs/nodes` where there are several nodes. */
export function poolName(topology: Topology): string {
  const name = `${slotCount(topology)}/${gpuCount(topology)}`;
  return topology.nodes === 1 ? name : `${name}/${topology.nodes}`;
}

/** So many slots on so many GPUs of so many nodes. */
export function pool(slots: number, gpus: number, nodes = 1): Topology {
  return { nodes, gpusPerNode: gpus / nodes, slotsPerGpu: slots / gpus };
}

/** EPLB over the pool as a whole, whatever its nodes. */
export function eplbGlobal(load: ExpertLoad, topology: Topology): Placement {
  const whole = { ...topology, nodes: 1, gpusPerNode: gpuCount(topology) };
  return { ...eplb(load, whole, 1), topology };
}

/** Plimsoll's placement on a pool without losses. */
export function plimsoll(
  load: ExpertLoad,
  topology: Topology,
  coactivation: Coactivation | null = null,
): Placement {
  return placeExperts({ load, topology, capacity: fullCapacity(topology), coactivation });
}
