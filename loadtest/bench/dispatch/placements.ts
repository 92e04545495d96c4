import { HOP_WEIGHT } from "../../../src/core/placement/coactivation.ts";
import { alignNodes } from "../../../src/core/batching/align-nodes.ts";
import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import { activationLoad } from "../../../src/core/placement/activation.ts";
import { eplb } from "../../../src/core/placement/eplb.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import { wholeShares } from "../../../src/core/shares/whole-shares.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { indexReplicas, type Placement } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import type { RoutingTrace } from "../../../src/model/routing-trace.ts";
import type { Topology } from "../../../src/model/topology.ts";
import { replicaMap } from "../dispatched.ts";
import { eplbGlobal, plimsoll } from "../pools.ts";
import type { RoutedTokens } from "../routed-tokens.ts";
import { Tenants } from "./tenants.ts";

export const HIERARCHICAL = "EPLB hierarchical";
export const GLOBAL = "EPLB global";
export const PLIMSOLL = "Plimsoll";
export const PLIMSOLL_ALIGNED = "Plimsoll, nodes aligned";
export const PLIMSOLL_ACTIVATION = "Plimsoll, activation";

/** A placement with the shares solved for the load it was made for. */
export interface Placed {
  readonly name: string;
  readonly map: ReplicaMap;
}

/** What is known when experts are placed. */
export interface Known {
  readonly load: ExpertLoad;
  /** Tokens that the load is of, or like those. */
  readonly trace: RoutingTrace;
  /** Expert groups of the gate. */
  readonly groups: number;
}

/** EPLB's placements and ours. */
export function placements({ load, trace, groups }: Known, topology: Topology): Placed[] {
  return [
    placed(HIERARCHICAL, eplb(load, topology, groups), load),
    placed(GLOBAL, eplbGlobal(load, topology), load),
    placed(PLIMSOLL, plimsoll(load, topology, { trace, groups, hopWeight: HOP_WEIGHT }), load),
  ];
}

/** Ours for decode: it levels the experts that a batch of so many tokens activates, one replica of each in use. */
export function activationPlacement({ load, trace }: Known, topology: Topology, tokens: number): Placed {
  const aim = activationLoad(load, tokens, trace.topk);
  const placement = plimsoll(aim, topology);
  const shares = wholeShares(placement, indexReplicas(placement), aim, fullCapacity(topology).speeds);
  return { name: PLIMSOLL_ACTIVATION, map: replicaMap(placement, shares) };
}

/** Ours with nodes named so that a tenant's tokens find their experts on one node in many layers. */
export function alignedPlacement(
  { load }: Known,
  { placement }: ReplicaMap,
  stream: RoutedTokens,
  observed: Int32Array,
): Placed {
  const tenants = new Tenants(stream, observed);
  const counts = [...Map.groupBy(observed, (row) => stream.tenant[row])];
  const aligned = alignNodes(
    placement,
    counts.map(([tenant]) => tenants.predict(tenant)),
    counts.map(([, rows]) => rows.length / observed.length),
  );
  return placed(PLIMSOLL_ALIGNED, aligned, load);
}

function placed(name: string, placement: Placement, load: ExpertLoad): Placed {
  return { name, map: replicaMap(placement, solveShares(placement, indexReplicas(placement), load)) };
}

export function mapOf(made: readonly Placed[], name: string): ReplicaMap {
  const found = made.find((one) => one.name === name);
  if (found === undefined) throw new RangeError(`no placement is called ${name}`);
  return found.map;
}
