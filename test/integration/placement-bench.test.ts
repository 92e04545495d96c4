import { describe, expect, it } from "vitest";
import { activationTable } from "../../loadtest/bench/placement/activation.ts";
import { type BenchTable, tableJson, tableText } from "../../loadtest/bench/bench-table.ts";
import { driftTable } from "../../loadtest/bench/placement/drift.ts";
import { hopsTable } from "../../loadtest/bench/placement/hops.ts";
import { movesTable } from "../../loadtest/bench/placement/moves.ts";
import { pool } from "../../loadtest/bench/pools.ts";
import { qualityTable } from "../../loadtest/bench/placement/quality.ts";
import { interleaved } from "../../loadtest/bench/routed-tokens.ts";
import { timeTable } from "../../loadtest/bench/placement/time.ts";
import { smallBench } from "../small-bench.ts";

const bench = smallBench(24_000);
const { stream } = bench.input;

const pools = [pool(40, 4)];
const nodes = [pool(40, 4, 2)];

/** The numbers of a column. */
function column(table: BenchTable, name: string): number[] {
  return table.rows.map((row) => Number(row[table.columns.findIndex((c) => c.name === name)]));
}

describe("the placement benchmark in small", () => {
  it("quality: no placement is below its bound, and exact shares are no worse than even ones", () => {
    const table = qualityTable(bench, { pools, window: 8000 });
    const [even, exact, ours] = ["EPLB, even shares", "EPLB, exact shares", "Plimsoll"].map((name) =>
      column(table, `${name}: mean`),
    );
    for (const [row, gap] of exact.entries()) {
      expect(gap).toBeGreaterThanOrEqual(0);
      expect(gap).toBeLessThanOrEqual(even[row]);
      expect(ours[row]).toBeLessThan(1);
    }
  });

  it("drift: shares with hindsight bound those solved from the past", () => {
    const table = driftTable(bench, { pools, windows: [4000], active: 8, sigmas: [0.3], draws: 2 });
    expect(table.rows).toHaveLength(3);
    const resolved = column(table, "Plimsoll re-solved");
    for (const [row, best] of column(table, "Plimsoll, exact shares").entries()) {
      expect(best).toBeLessThanOrEqual(1);
      expect(best).toBeGreaterThan(resolved[row]);
    }
  });

  it("hops: a token needs no more nodes than ranks, and hierarchical is compared with itself", () => {
    const sizes = { hopWeights: [5], judgedWeight: 5, inOrder: 2000, inTurn: 1000, active: 8 };
    const table = hopsTable(bench, { pools: nodes, placed: [0, 12_000], ...sizes });
    expect(table.rows).toHaveLength(2 * 4);
    const nodeHops = column(table, "node hops");
    for (const [row, hops] of column(table, "rank hops").entries()) {
      expect(nodeHops[row]).toBeGreaterThan(0);
      expect(nodeHops[row]).toBeLessThan(hops);
    }
    const ratios = column(table, "node hops / hierarchical");
    expect([ratios[0], ratios[4]]).toEqual([1, 1]);
  });

  it("moves: an adapted placement moves less than EPLB placed anew", () => {
    const table = movesTable(bench, { pools: [pool(40, 8)], windows: [500], active: 4 });
    const theirs = column(table, "EPLB moves");
    for (const [row, ours] of column(table, "adapted moves").entries()) {
      expect(ours).toBeGreaterThan(0);
      expect(ours).toBeLessThan(theirs[row] / 2);
    }
  });

  it("activation: one replica in use reads fewer experts", () => {
    const table = activationTable(bench, { pools, batches: [16], placed: [0, 12_000], count: 16 });
    const theirs = column(table, "mean GPU: EPLB");
    for (const [row, ours] of column(table, "mean GPU: Plimsoll").entries()) {
      expect(ours).toBeLessThan(theirs[row]);
    }
  });

  it("time: every way is timed, and the table reads as text and as JSON", () => {
    const table = timeTable(bench, { warmUp: 0, rounds: 1, traced: 256 });
    expect(column(table, "least, ms").every((ms) => ms > 0)).toBe(true);
    expect(tableText(table).split("\n")).toContainEqual(
      expect.stringMatching(/^\| full plan, 288\/32 .* \|$/),
    );
    const { rows, aims } = tableJson(table) as { rows: object[]; aims: { met: boolean }[] };
    expect(rows).toHaveLength(table.rows.length);
    expect(aims.map(({ met }) => met)).not.toContain(undefined);
  });

  it("interleaves requests: every token once, those of a request in order", () => {
    const order = interleaved(stream, 5000, 7);
    expect([...order].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 19_000 }, (_, i) => 5000 + i));
    expect(new Set([...order.subarray(0, 7)].map((token) => stream.request[token])).size).toBe(7);
    const last = new Map<number, number>();
    for (const token of order) {
      expect(token).toBeGreaterThan(last.get(stream.request[token]) ?? -1);
      last.set(stream.request[token], token);
    }
  });
});
