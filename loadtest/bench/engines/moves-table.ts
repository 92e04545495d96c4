import { countMovedSlots } from "../../../src/core/migration/moves.ts";
import { solvePlacement } from "../../../src/core/planning/solve-placement.ts";
import type { ConsumerDispatch } from "../../../src/model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { type Placement, indexReplicas } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import { type Topology, slotCount } from "../../../src/model/topology.ts";
import { contiguousPlacement } from "../../../src/core/placement/contiguous.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { balancedness, gpuLoads } from "../../../src/core/shares/gpu-loads.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { eplbGlobal } from "../pools.ts";
import { drawnPair, recordedPairs } from "./pool-loads.ts";

/** Parts of all slots that may change. */
const PARTS = [0, 0.02, 0.05, 0.15, 0.25, 0.5, 1];

interface Case {
  readonly pair: string;
  readonly topology: Topology;
  /** By part of the slots: at least so much balancedness. */
  readonly aims: Readonly<Record<number, number>>;
}

const nodes = (count: number, slotsPerGpu: number): Topology => ({
  nodes: count,
  gpusPerNode: 8,
  slotsPerGpu,
});

const CASES: readonly Case[] = [
  { pair: "prefill_in512 → prefill_in1024", topology: nodes(4, 9), aims: { 0: 0.97, 0.02: 0.99 } },
  { pair: "prefill_in1024 → prefill_in4096", topology: nodes(4, 9), aims: { 0: 0.94, 0.02: 0.99 } },
  { pair: "decode_in2000out100 → decode_in1000out1000", topology: nodes(9, 4), aims: { 0.15: 0.97 } },
  { pair: "decode_in1000out1000 → decode_in500out1500", topology: nodes(9, 4), aims: { 0.15: 0.97 } },
  { pair: "decode_in2000out100 → decode_in1000out1000", topology: nodes(18, 2), aims: { 0.25: 0.84 } },
];

/** What few moves reach when the load has changed, by weighted shares and by an even split. */
export async function movesTable({ seed, progress }: Bench): Promise<BenchTable> {
  const recorded = await recordedPairs();
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const { pair: name, topology, aims: wanted } of CASES) {
    const pair = recorded?.find((one) => one.name === name) ?? drawnPair(256, seed);
    const pool = `${topology.nodes * topology.gpusPerNode} × ${topology.slotsPerGpu}`;
    for (const dispatch of ["shares", "even"] as const) {
      progress(`moves: ${pair.name}, ${pool}, ${dispatch}`);
      const before = solve(pair.first, topology, dispatch, null, null).placement;
      const reached = PARTS.map(
        (part) => solve(pair.next, topology, dispatch, before, part).certificate.balancedness,
      );
      const afresh = solve(pair.next, topology, dispatch, null, null).certificate.balancedness;
      const usual = solve(pair.next, topology, dispatch, before, null);
      const moved = countMovedSlots(before, usual.placement).slots / (before.layers * slotCount(topology));
      rows.push([
        pool,
        pair.name,
        dispatch,
        ...reached,
        afresh,
        usual.certificate.balancedness,
        `${(100 * moved).toFixed(1)} % (${usual.moves.way})`,
        evenEplb(pair.next, topology),
      ]);
      if (dispatch === "even" || recorded === null) continue;
      for (const [part, atLeast] of Object.entries(wanted)) {
        const measured = reached[PARTS.indexOf(Number(part))];
        aims.push({ what: `${pair.name}, ${pool}, ${100 * Number(part)} % moved`, measured, atLeast });
      }
    }
  }
  aims.push(...startAims(seed));
  return {
    title: "Few moves: adapting to the next load",
    columns: [
      { name: "GPUs × slots" },
      { name: "loads" },
      { name: "dispatch" },
      ...PARTS.map((part) => ({ name: `${100 * part} %`, digits: 3 })),
      { name: "afresh", digits: 3 },
      { name: "unasked", digits: 3 },
      { name: "moved" },
      { name: "EPLB afresh, even", digits: 3 },
    ],
    rows,
    notes: [
      "Balancedness on the next load, in expectation, adapted by at most so many of all slots; unasked: without a limit.",
    ],
    aims,
  };
}

/** From the map that engines start with, all moves allowed: what adapting reaches of what placing afresh does. */
function startAims(seed: number): readonly Aim[] {
  const { first: load } = drawnPair(256, seed);
  const topology = nodes(20, 2);
  const start = contiguousPlacement(load.layers, load.experts, topology);
  return (["shares", "even"] as const).map((dispatch) => {
    const afresh = solve(load, topology, dispatch, null, null).certificate.balancedness;
    const adapted = solve(load, topology, dispatch, start, 1).certificate.balancedness;
    return {
      what: `160 × 2 from the engines' start, ${dispatch}: adapted / afresh`,
      measured: adapted / afresh,
      atLeast: 0.99,
    };
  });
}

function solve(
  load: ExpertLoad,
  topology: Topology,
  dispatch: ConsumerDispatch,
  previous: Placement | null,
  part: number | null,
) {
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
    maxMoves: part === null ? null : Math.floor(part * load.layers * slotCount(topology)),
    model: null,
  });
}

function evenEplb(load: ExpertLoad, topology: Topology): number {
  const placement = eplbGlobal(load, topology);
  const { values } = evenShares(placement, indexReplicas(placement));
  return balancedness(gpuLoads(placement, values, load), topology.nodes * topology.gpusPerNode);
}
