import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { plimsoll } from "../pools.ts";
import { drawnPair, recordedPairs } from "./pool-loads.ts";
import { byEntries, byEven, byExactShares } from "./realised.ts";
import { Score } from "../score.ts";

const ENTRIES = [1, 4, 16, 64, 255];

const POOLS: readonly Topology[] = [
  { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 },
  { nodes: 9, gpusPerNode: 8, slotsPerGpu: 4 },
];

/** How near tables with so many entries for each rank and expert come to the shares they are made from. */
export async function entriesTable({ seed, progress }: Bench): Promise<BenchTable> {
  const pairs = (await recordedPairs()) ?? [drawnPair(256, seed)];
  const rows: (string | number)[][] = [];
  for (const topology of POOLS) {
    const gpus = gpuCount(topology);
    const name = `${gpus} × ${topology.slotsPerGpu}`;
    progress(`entries: ${name}`);
    const placed = pairs.map(({ first, next }) => ({ placement: plimsoll(first, topology), next }));
    const row = (way: string, realise: typeof byEven) => {
      const score = new Score();
      let nodeHops = 0;
      for (const { placement, next } of placed) {
        const realised = realise(placement, next);
        score.add(realised.loads, gpus);
        nodeHops += realised.nodeHops / placed.length;
      }
      rows.push([name, way, score.balancedness, score.worst, nodeHops]);
    };
    row("even", byEven);
    for (const entries of ENTRIES)
      row(`${entries} entries of each rank`, (placement, load) => byEntries(placement, load, entries));
    row("exact shares", byExactShares);
  }
  return {
    title: "Tables by their entries: the next load, nothing moved",
    columns: [
      { name: "GPUs × slots" },
      { name: "dispatch" },
      { name: "balancedness", digits: 4 },
      { name: "worst layer", digits: 3 },
      { name: "node hops", digits: 3 },
    ],
    rows,
    notes: ["In expectation over tokens, all ranks sending alike."],
    aims: [],
  };
}
