import { eplb } from "../../../src/core/placement/eplb.ts";
import { keepSlots } from "../../../src/core/migration/moves.ts";
import { solvePlacement } from "../../../src/core/planning/solve-placement.ts";
import type { ConsumerDispatch } from "../../../src/model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import type { Placement } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import type { Topology } from "../../../src/model/topology.ts";
import { eplbGlobal } from "../pools.ts";
import { type Realised, byEntries, byEven, byExactShares } from "./realised.ts";

/** An engine's whole way: who places its experts, who follows the load, and how its tokens find their replicas. */
export interface Way {
  readonly name: string;
  /** The engine's own, without Plimsoll. */
  readonly own: boolean;
  /** Keeps the gate's groups on nodes. */
  readonly grouped: boolean;
  readonly place: (load: ExpertLoad, topology: Topology) => Placement;
  /** What it rearranges to when the load has changed. */
  readonly follow: (inForce: Placement, load: ExpertLoad) => Placement;
  readonly realise: (placement: Placement, load: ExpertLoad) => Realised;
}

/** Entries that the plug-ins ask for. */
const ENTRIES = 64;
/** DeepSeek-V3's, where the nodes divide them. */
const GROUPS = 8;

const eplbHierarchical: Way = {
  name: "EPLB hierarchical, even",
  own: true,
  grouped: true,
  place: (load, topology) => eplb(load, topology, GROUPS),
  follow: (inForce, load) => keepSlots(inForce, eplb(load, inForce.topology, GROUPS)),
  realise: byEven,
};

const eplbAnywhere: Way = {
  name: "EPLB global, even",
  own: true,
  grouped: false,
  place: eplbGlobal,
  follow: (inForce, load) => keepSlots(inForce, eplbGlobal(load, inForce.topology)),
  realise: byEven,
};

/** No way of the engine's own EPLB to do without, but one that few engines have. */
const lp: Way = {
  ...eplbAnywhere,
  name: "EPLB global, lp of every batch",
  own: false,
  realise: byExactShares,
};

const ours = (dispatch: ConsumerDispatch, grouped: boolean): Way => ({
  name: `ours, ${dispatch === "even" ? dispatch : `shares in ${ENTRIES} entries`}${grouped ? ", groups on nodes" : ""}`,
  own: false,
  grouped,
  place: (load, topology) => solve(load, topology, dispatch, grouped, null),
  follow: (inForce, load) => solve(load, inForce.topology, dispatch, grouped, inForce),
  realise: dispatch === "even" ? byEven : (placement, load) => byEntries(placement, load, ENTRIES),
});

/** EPLB keeps groups on nodes only where those divide them. */
export function waysFor({ nodes }: Topology, experts: number): readonly Way[] {
  const grouped = experts === 256 && nodes > 1 && GROUPS % nodes === 0;
  return [
    ...(grouped ? [eplbHierarchical, ours("even", true), ours("shares", true)] : []),
    eplbAnywhere,
    lp,
    ours("even", false),
    ours("shares", false),
  ];
}

function solve(
  load: ExpertLoad,
  topology: Topology,
  dispatch: ConsumerDispatch,
  grouped: boolean,
  previous: Placement | null,
): Placement {
  return solvePlacement({
    load,
    topology,
    capacity: fullCapacity(topology),
    groups: grouped ? GROUPS : 1,
    algorithm: "plimsoll",
    dispatch,
    activation: null,
    routing: null,
    previous,
    maxMoves: null,
    model: null,
  }).placement;
}
