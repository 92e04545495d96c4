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
  /** Whether it is the engine's own, without Plimsoll. */
  readonly own: boolean;
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
  place: (load, topology) => eplb(load, topology, GROUPS),
  follow: (inForce, load) => keepSlots(inForce, eplb(load, inForce.topology, GROUPS)),
  realise: byEven,
};

const eplbAnywhere: Way = {
  name: "EPLB global, even",
  own: true,
  place: eplbGlobal,
  follow: (inForce, load) => keepSlots(inForce, eplbGlobal(load, inForce.topology)),
  realise: byEven,
};

const lp: Way = { ...eplbAnywhere, name: "EPLB global, lp of every batch", realise: byExactShares };

const ours = (dispatch: ConsumerDispatch, name: string, realise: Way["realise"]): Way => ({
  name,
  own: false,
  place: (load, topology) => solve(load, topology, dispatch, null),
  follow: (inForce, load) => solve(load, inForce.topology, dispatch, inForce),
  realise,
});

/** EPLB keeps groups on nodes only where those divide them. */
export function waysFor({ nodes }: Topology, experts: number): readonly Way[] {
  const grouped = experts === 256 && nodes > 1 && GROUPS % nodes === 0;
  return [
    ...(grouped ? [eplbHierarchical] : []),
    eplbAnywhere,
    lp,
    ours("even", "ours, even", byEven),
    ours("shares", `ours, shares in ${ENTRIES} entries`, (placement, load) =>
      byEntries(placement, load, ENTRIES),
    ),
  ];
}

function solve(
  load: ExpertLoad,
  topology: Topology,
  dispatch: ConsumerDispatch,
  previous: Placement | null,
  maxMoves: number | null = null,
): Placement {
  return solvePlacement({
    load,
    topology,
    capacity: fullCapacity(topology),
    groups: 1,
    algorithm: "plimsoll",
    dispatch,
    activation: null,
    routing: null,
    previous,
    maxMoves,
    model: null,
  }).placement;
}
