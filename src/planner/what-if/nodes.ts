import { whyNotServed } from "../../core/cost/serving-room.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { engineShape } from "../layout.ts";
import { PlacementJudge } from "../right-sizing/placement-worth.ts";
import type { RunningUnit } from "../right-sizing/running-unit.ts";
import type { UnitTwin } from "../right-sizing/unit-twin.ts";
import { type MostCarried, mostCarried } from "./most-carried.ts";
import { type TwoPercentiles, twoOf } from "./traffic.ts";

/** A pool of other nodes, under the traffic that is measured. Milliseconds as clients see them. */
export interface NodesPoint {
  readonly nodes: number;
  readonly gpus: number;
  readonly slotsPerGpu: number;
  /** Why nothing is served there, in a clause; null where it is. */
  readonly why: string | null;
  readonly stepMs: number | null;
  readonly ttftMs: TwoPercentiles | null;
  readonly itlMs: TwoPercentiles | null;
  readonly most: MostCarried | null;
}

const CHANGES = [0, 1, -1];

/** A node more and one fewer, with experts placed anew there. Yields within each run; what is found so far counts. */
export function* nodesWhatIf(twin: UnitTwin, found: NodesPoint[]): Generator<number, void> {
  const { unit } = twin.pool;
  for (const change of CHANGES) {
    const topology = resized(unit.decode, change, twin.pool.model.experts);
    if (topology === null) continue;
    const changed = change === 0 ? unit : unitOn(twin, topology);
    found.push(yield* pointOf(twin, topology, changed));
    found.sort((a, b) => a.nodes - b.nodes);
  }
}

/** As many slots on each GPU, or as many more as hold all experts. Null without any node. */
function resized({ nodes, gpusPerNode, slotsPerGpu }: Topology, by: number, experts: number) {
  if (nodes + by < 1) return null;
  const least = Math.ceil(experts / ((nodes + by) * gpusPerNode));
  return { nodes: nodes + by, gpusPerNode, slotsPerGpu: Math.max(slotsPerGpu, least) };
}

function unitOn({ pool }: UnitTwin, topology: Topology): RunningUnit {
  const { unit, model, load } = pool;
  const gpus = gpuCount(topology);
  const { tp } = unit.layout.decode;
  const decode = { tp, dp: gpus / tp, ep: gpus, moeTp: 1 };
  const redundantSlots = topology.slotsPerGpu - Math.ceil(model.experts / gpus);
  const begins =
    load === null || unit.begins === null ? null : new PlacementJudge(pool).solved(topology, null);
  return { ...unit, layout: { ...unit.layout, decode, redundantSlots }, decode: topology, begins };
}

function* pointOf(twin: UnitTwin, topology: Topology, unit: RunningUnit): Generator<number, NodesPoint> {
  const { model, type } = twin.pool;
  const { nodes, slotsPerGpu } = topology;
  const { dp } = unit.layout.decode;
  const why = Number.isInteger(dp)
    ? whyNotServed(model, topology, type.hardware, engineShape(unit.layout.decode))
    : "its GPUs do not divide into ranks like these";
  const base = { nodes, gpus: gpuCount(topology), slotsPerGpu, why };
  if (why !== null) return { ...base, stepMs: null, ttftMs: null, itlMs: null, most: null };
  const { stepMs, ttftMs, itlMs } = yield* twin.expect(unit, 1);
  const most = yield* mostCarried(twin, unit);
  return { ...base, stepMs, ttftMs: twoOf(ttftMs), itlMs: twoOf(itlMs), most };
}
