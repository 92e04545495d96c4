import { countMovedSlots } from "../../../src/core/migration/moves.ts";
import { type Topology, gpuCount, slotCount } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { type LoadPair, drawnPair, recordedPairs } from "./pool-loads.ts";
import { Score } from "../score.ts";
import { type Way, waysFor } from "./ways.ts";

/** GPUs × slots of each. */
interface EnginePool {
  readonly name: string;
  readonly topology: Topology;
  readonly experts: number;
}

/** GPUs of a node. */
const NODE = 8;

const pool = (gpus: number, slotsPerGpu: number, experts = 256, name = ""): EnginePool => ({
  name: `${name}${gpus} × ${slotsPerGpu}`,
  topology: { nodes: Math.ceil(gpus / NODE), gpusPerNode: Math.min(gpus, NODE), slotsPerGpu },
  experts,
});

const POOLS = [
  pool(32, 9),
  pool(64, 5),
  pool(72, 4),
  pool(144, 2),
  pool(8, 33),
  pool(16, 25),
  pool(128, 4, 384, "Kimi-K2, "),
  pool(8, 18, 128, "Qwen3, "),
];

/** What engines make of their own placements and of ours, by the dispatch that they have. */
export async function enginesTable({ seed, progress }: Bench): Promise<BenchTable> {
  const recorded = await recordedPairs();
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const { name, topology, experts } of POOLS) {
    const pairs = experts === 256 && recorded !== null ? recorded : [drawnPair(experts, seed)];
    const measured = waysFor(topology, experts).map((way) => {
      progress(`engines: ${name}, ${way.name}`);
      return { way, ...measure(way, pairs, topology) };
    });
    for (const { way, first, stays, follows, moved, nodeHops, placeMs, followMs } of measured) {
      rows.push([
        name,
        way.name,
        first.balancedness,
        first.worst,
        stays.balancedness,
        follows.balancedness,
        follows.worst,
        100 * moved,
        nodeHops,
        placeMs,
        followMs,
      ]);
    }
    for (const { way, first, follows } of measured.filter((one) => one.way.name.startsWith("ours"))) {
      const own = measured.filter((one) => one.way.own && one.way.grouped === way.grouped);
      const best = (of: (one: (typeof own)[number]) => number) => Math.max(...own.map(of));
      aims.push(
        above(
          `${name}, ${way.name}, placed: over EPLB`,
          first.balancedness - best((one) => one.first.balancedness),
        ),
        above(
          `${name}, ${way.name}, next load: over EPLB placed anew`,
          follows.balancedness - best((one) => one.follows.balancedness),
          FEW_MOVES_MAY_LOSE,
        ),
      );
    }
  }
  return {
    title: "Stock engines: balancedness by the engine's own dispatch",
    columns: [
      { name: "GPUs × slots" },
      { name: "placed, dispatched" },
      { name: "placed", digits: 3 },
      { name: "worst layer", digits: 3 },
      { name: "next load, nothing moved", digits: 3 },
      { name: "rearranged", digits: 3 },
      { name: "worst layer", digits: 3 },
      { name: "slots moved, %", digits: 1 },
      { name: "node hops", digits: 3 },
      { name: "placing, ms", digits: 0 },
      { name: "rearranging, ms", digits: 0 },
    ],
    rows,
    notes: [
      recorded === null
        ? "Lognormal loads that drift (no ../shared/data)."
        : `Loads of DeepSeek-V3 recorded by SGLang, ${recorded.map(({ name }) => name).join("; ")}; of Kimi-K2 and Qwen3 drawn, lognormal, that drift.`,
      "Placed for one load; then the next comes: nothing moved (tables that carry shares are written anew), then rearranged as each " +
        "does by itself. Σ mean / Σ maximum GPU load over layers and loads, in expectation over tokens. Node hops: selections that " +
        "leave their source's node, of all, on the next load. lp: exact shares of every batch, as its counts were a window's.",
    ],
    aims,
  };
}

/** Of balancedness, beside EPLB placed anew, for far fewer moves. */
const FEW_MOVES_MAY_LOSE = 0.005;

function above(what: string, measured: number, less = 0): Aim {
  return { what, measured, atLeast: -less - 1e-9 };
}

function measure(way: Way, pairs: readonly LoadPair[], topology: Topology) {
  const gpus = gpuCount(topology);
  const first = new Score();
  const stays = new Score();
  const follows = new Score();
  let moved = 0;
  let slots = 0;
  let nodeHops = 0;
  let placeMs = 0;
  let followMs = 0;
  for (const pair of pairs) {
    const startMs = performance.now();
    const placed = way.place(pair.first, topology);
    const placedMs = performance.now();
    const next = way.follow(placed, pair.next);
    followMs += (performance.now() - placedMs) / pairs.length;
    placeMs += (placedMs - startMs) / pairs.length;
    moved += countMovedSlots(placed, next).slots;
    slots += next.layers * slotCount(topology);
    first.add(way.realise(placed, pair.first).loads, gpus);
    stays.add(way.realise(placed, pair.next).loads, gpus);
    const realised = way.realise(next, pair.next);
    follows.add(realised.loads, gpus);
    nodeHops += realised.nodeHops / pairs.length;
  }
  return { first, stays, follows, moved: moved / slots, nodeHops, placeMs, followMs };
}
