import { sampleTokens } from "../../src/core/load/sample-tokens.ts";
import { partLoads } from "../../src/core/load/part-loads.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import type { Placement } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { gpuCount, slotCount, type Topology } from "../../src/model/topology.ts";

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

/** What is known when experts are placed, beside their load. */
export interface Routed {
  /** Tokens that the load is of, or like those. */
  readonly trace: RoutingTrace;
  /** Expert groups of their gate. */
  readonly groups: number;
  readonly hopWeight: number;
}

/** Plimsoll's placement on a pool without losses, as `place` makes it; with `--routing` where tokens are known too. */
export function plimsoll(load: ExpertLoad, topology: Topology, routed: Routed | null = null): Placement {
  const capacity = fullCapacity(topology);
  if (routed === null) return placeExperts({ load, topology, capacity, coactivation: null });
  const { trace, groups, hopWeight } = routed;
  const coactivation = { sample: sampleTokens(trace), groups, hopWeight };
  const scenarios = partLoads(trace, load.layers, load.experts);
  return placeExperts({ load, topology, capacity, scenarios, coactivation });
}
