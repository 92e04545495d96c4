import { describe, expect, it } from "vitest";
import type { BenchTable } from "../../loadtest/bench/bench-table.ts";
import { allocatedPerCall } from "../../loadtest/bench/dispatch/allocated.ts";
import { chosenSources } from "../../loadtest/bench/dispatch/chosen-ranks.ts";
import { decodeTable } from "../../loadtest/bench/dispatch/decode.ts";
import { destinationsTable } from "../../loadtest/bench/dispatch/destinations.ts";
import { gateTokens, skewedBias } from "../../loadtest/bench/dispatch/gate-tokens.ts";
import { iidTable } from "../../loadtest/bench/dispatch/iid.ts";
import { memoryTable } from "../../loadtest/bench/dispatch/memory.ts";
import { speedTable } from "../../loadtest/bench/dispatch/speed.ts";
import { ranksTable, streamTable } from "../../loadtest/bench/dispatch/stream.ts";
import { replicaMap } from "../../loadtest/bench/dispatched.ts";
import { plimsoll, pool } from "../../loadtest/bench/pools.ts";
import { cut, interleaved, loadOf, range } from "../../loadtest/bench/routed-tokens.ts";
import { Rng } from "../../src/lib/rng.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { smallBench } from "../small-bench.ts";

const bench = smallBench(12_000);

const pools = [pool(40, 4, 2)];
const POLICIES = DISPATCH_POLICIES.length;

/** Every row as a record by column names. */
function records({ columns, rows }: BenchTable): Record<string, string | number | null>[] {
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [columns[i].name, cell])));
}

function expectPossible(table: BenchTable): void {
  for (const row of records(table)) {
    expect(row.balancedness).toBeLessThanOrEqual(Number(row["possible there"]) + 1e-9);
    expect(row["node hops"]).toBeLessThanOrEqual(Number(row["rank hops"]));
  }
}

describe("the dispatch benchmark in small", () => {
  const cases = [
    {
      name: "in turn",
      phase: "decode" as const,
      placed: [0, 6000] as const,
      batches: () => cut(interleaved(bench.input.stream, 6000, 16), 500),
    },
  ];

  it("stream: every policy on every placement, none better balanced than its placement allows", () => {
    const table = streamTable(bench, { pools, cases });
    expect(table.rows).toHaveLength(3 * POLICIES);
    expectPossible(table);
    const at = (placement: string, policy: string) =>
      records(table).find((row) => row.placement === placement && row.policy === policy);
    expect(at("EPLB hierarchical", "static")?.["node hops / hierarchical + static"]).toBe(1);
    expect(at("EPLB global", "static")?.["idle share / global + static"]).toBe(1);
    expect(at("Plimsoll", "priced")?.["node hops"]).toBeLessThan(
      Number(at("Plimsoll", "random")?.["node hops"]),
    );
  });

  it("ranks: chosen for where their tenants' experts are", () => {
    const given = records(streamTable(bench, { pools, cases }));
    const chosen = records(ranksTable(bench, { pools, cases }));
    expect(chosen).toHaveLength(given.length + POLICIES);
    for (const [i, row] of given.entries()) {
      if (row.policy === "priced") expect(chosen[i]["node hops"]).toBeLessThan(Number(row["node hops"]));
    }
    for (const row of chosen) {
      expect(row["fullest source / mean"]).toBeLessThan(2);
    }
  });

  it("gives every request one rank, and ranks equally many requests", () => {
    const { stream } = bench.input;
    const batches = cases[0].batches();
    const placement = plimsoll(loadOf(stream, range(0, 6000)), pools[0]);
    const sources = chosenSources(replicaMap(placement), stream, "decode", range(0, 6000), batches);
    const ranks = new Map<number, number>();
    for (const [i, rows] of batches.entries()) {
      for (const [j, row] of rows.entries()) {
        const request = stream.request[row];
        expect(sources[i][j]).toBe(ranks.get(request) ?? sources[i][j]);
        ranks.set(request, sources[i][j]);
      }
    }
    const first = new Map([...batches[0]].map((row, j) => [stream.request[row], sources[0][j]]));
    expect(new Set(first.values())).toEqual(new Set([0, 1, 2, 3]));
    for (const rank of [0, 1, 2, 3]) {
      expect([...first.values()].filter((other) => other === rank)).toHaveLength(first.size / 4);
    }
  });

  it("iid: the same on tokens of a gate", () => {
    const table = iidTable(bench, { pools, layers: 2, placed: 2000, batch: 500, batches: 2 });
    expect(table.rows).toHaveLength(3 * 3 * POLICIES);
    expectPossible(table);
  });

  it("destinations: the published means, though from fewer tokens", () => {
    const { aims } = destinationsTable(bench, 8192);
    expect(aims).toHaveLength(8);
    for (const { measured } of aims) expect(measured).toBeLessThan(0.01);
  });

  it("decode: the worst GPU reads no less than the mean one, and no more than it holds", () => {
    const table = decodeTable(bench, { pools, batches: [16], placed: [0, 6000], count: 8 });
    expect(table.rows).toHaveLength(2 * 4 * POLICIES);
    for (const row of records(table)) {
      expect(row["mean GPU"]).toBeGreaterThan(0);
      expect(row["worst GPU"]).toBeGreaterThanOrEqual(Number(row["mean GPU"]));
      expect(row["worst GPU"]).toBeGreaterThanOrEqual(Number(row["least possible"]));
      expect(row["worst GPU"]).toBeLessThanOrEqual(pools[0].slotsPerGpu);
    }
  });

  it("speed: every policy and the layout are timed at every size", () => {
    const table = speedTable(bench, { pools, batches: [64, 128], tokens: 128, warmUp: 0, rounds: 1 });
    expect(table.rows).toHaveLength(2 * (POLICIES + 2));
    for (const row of records(table)) expect(row["ns per selection"]).toBeGreaterThan(0);
  });

  it("memory: a row for every policy", () => {
    const table = memoryTable(bench, { pools, batches: [64], warmUp: 1, trials: 2 });
    expect(table.rows.map(([, policy]) => policy)).toEqual(DISPATCH_POLICIES);
  });

  it("counts what a call allocates, on the heap and off it", () => {
    let kept: unknown;
    expect(allocatedPerCall(() => (kept = new Float64Array(1000)), 20, 20)).toBeGreaterThan(8000);
    expect(allocatedPerCall(() => (kept = [kept === null]), 20, 20)).toBeGreaterThan(0);
    let sum = 0;
    expect(allocatedPerCall(() => (sum = (sum + 1) % 7), 20, 20)).toBe(0);
  });

  it("biases a gate until the hottest experts get their share", () => {
    const { experts, topk, groups, topkGroups } = SMALL_MODEL;
    const shape = { experts, topk, groups, topkGroups };
    const bias = skewedBias(shape, 4, 0.3, new Rng(3));
    const tokens = gateTokens(shape, bias, 8192, new Rng(4));
    const load = loadOf(tokens, range(0, 8192)).tokens.toSorted();
    const hottest = load.subarray(experts - 4).reduce((a, b) => a + b, 0);
    expect(hottest / (8192 * topk)).toBeCloseTo(0.3, 1);
  });
});
