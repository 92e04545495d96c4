import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import { adaptPlacement } from "../../../src/core/placement/adapt-placement.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { type DriftCase, lognormalCase, NOISE, windowCase } from "./drift-cases.ts";
import { PerfectForecast, PlacementScores } from "./scores.ts";
import { eplbGlobal, plimsoll, pool, poolName } from "../pools.ts";
import { interleaved, range } from "../routed-tokens.ts";

/** Of the distance from EPLB frozen to the perfect forecast, by pool. */
const CLOSED_AIMS: Readonly<Record<string, number>> = { "288/32": 0.5, "320/32": 0.67, "384/64": 0.67 };

interface Sizes {
  readonly pools: readonly Topology[];
  /** Tokens of a window of the stream. */
  readonly windows: readonly number[];
  /** Requests that are forwarded in turn. */
  readonly active: number;
  /** Of the lognormal drift. */
  readonly sigmas: readonly number[];
  /** Drifted loads for every load. */
  readonly draws: number;
}

const SIZES: Sizes = {
  pools: [pool(288, 32), pool(320, 32), pool(384, 64), pool(384, 128)],
  windows: [16_384, 65_536],
  active: 128,
  sigmas: [0.3, 0.5],
  draws: 2,
};

/** What is left of the balance when the load has drifted since the placement was made. */
export function driftTable(bench: Bench, sizes: Sizes = SIZES): BenchTable {
  const { input, progress } = bench;
  const rows: (string | number | null)[][] = [];
  const aims: Aim[] = [];
  for (const drift of driftCases(bench, sizes)) {
    for (const topology of sizes.pools) {
      const name = poolName(topology);
      progress(`drift: ${drift.name} ${name}`);
      const { theirs, ours, kept, perfect } = scores(drift, topology);
      const start = theirs.frozen.balancedness;
      const closed = (end: number) => (ours.resolved.balancedness - start) / (end - start);
      const atLeast = CLOSED_AIMS[name];
      if (atLeast !== undefined) {
        const measured = closed(perfect.whole.balancedness);
        aims.push({ what: `distance closed at ${name}, ${drift.name}`, measured, atLeast });
      }
      rows.push([
        drift.name,
        name,
        start,
        theirs.resolved.balancedness,
        ours.frozen.balancedness,
        ours.resolved.balancedness,
        drift.inARow ? ours.tracked.balancedness : null,
        kept?.resolved.balancedness ?? null,
        ours.hindsight.balancedness,
        perfect.whole.balancedness,
        perfect.parts.balancedness,
        100 * closed(perfect.whole.balancedness),
        100 * closed(perfect.parts.balancedness),
      ]);
    }
  }
  return {
    title: "Drift: balancedness of the window after the one placed on",
    columns: [
      { name: "load" },
      { name: "slots/GPUs" },
      { name: "EPLB frozen", digits: 3 },
      { name: "EPLB re-solved", digits: 3 },
      { name: "Plimsoll frozen", digits: 3 },
      { name: "Plimsoll re-solved", digits: 3 },
      { name: "Plimsoll tracked", digits: 3 },
      { name: "adapted, re-solved", digits: 3 },
      { name: "Plimsoll, exact shares", digits: 3 },
      { name: "perfect forecast", digits: 3 },
      { name: "of every part", digits: 3 },
      { name: "closed, %", digits: 0 },
      { name: "to every part, %", digits: 0 },
    ],
    rows,
    notes: [
      "Stream: the next window in ten parts, shares re-solved from the part before. " +
        `Lognormal: ${input.source.loads}; the share solver sees the drifted load with ${100 * NOISE} % noise.`,
      "Tracked: re-solved from the control loop's average of the load, of a part's half-life. " +
        "Adapted: one placement improved from window to window by at most 15 % of its slots. " +
        "Exact shares: solved for each part itself, without noise.",
      "Perfect forecast: EPLB placed for the window that comes, or for every part of it by itself. " +
        "Closed: how far Plimsoll re-solved is on the way there from EPLB frozen.",
    ],
    aims,
  };
}

function driftCases({ input, seed }: Bench, { windows, active, sigmas, draws }: Sizes): DriftCase[] {
  const { stream, loads } = input;
  const inOrder = range(0, stream.trace.tokens);
  const inTurn = interleaved(stream, 0, active);
  return [
    ...windows.map((window) => windowCase(`stream in order, ${window}`, stream, inOrder, window)),
    ...windows.map((window) => windowCase(`${active} requests in turn, ${window}`, stream, inTurn, window)),
    ...sigmas.map((sigma) => lognormalCase(loads, sigma, draws, seed)),
  ];
}

function scores({ steps, inARow }: DriftCase, topology: Topology) {
  const theirs = new PlacementScores();
  const ours = new PlacementScores();
  const kept = inARow ? new PlacementScores() : null;
  const perfect = new PerfectForecast();
  let current = plimsoll(steps[0].past, topology);
  for (const [i, { past, upcoming }] of steps.entries()) {
    theirs.add(eplbGlobal(past, topology), null, upcoming);
    ours.add(plimsoll(past, topology), past, upcoming);
    perfect.add(topology, upcoming);
    if (kept === null) continue;
    if (i > 0) current = adaptPlacement(current, past, fullCapacity(current.topology));
    kept.add(current, past, upcoming);
  }
  return { theirs, ours, kept, perfect };
}
