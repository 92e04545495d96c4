import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { dispatchTable } from "../../src/core/tables/dispatch-table.ts";
import { entryOfTurn, firstTurn, writeTurns } from "../../src/core/tables/entry-order.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";

function turnsOf(counts: readonly number[], first = 0): number[] {
  const slots = counts.map((_, slot) => slot);
  const turns = new Int32Array(counts.reduce((sum, count) => sum + count, 0));
  writeTurns(slots, counts, first, new Int32Array(counts.length), turns);
  return [...turns];
}

function randomCounts(rng: Rng, slots: number, entries: number): number[] {
  const counts = Array.from({ length: slots }, () => 0);
  for (let i = 0; i < entries; i++) counts[Math.floor(slots * rng.uniform() ** 2)]++;
  return counts;
}

/** The furthest that any run, wrapping around, leaves a slot from its share. */
function furthest(turns: readonly number[], counts: readonly number[]): number {
  let most = 0;
  for (let first = 0; first < turns.length; first++) {
    for (const [slot, count] of counts.entries()) {
      let taken = 0;
      for (let run = 1; run <= turns.length; run++) {
        if (turns[(first + run - 1) % turns.length] === slot) taken++;
        most = Math.max(most, Math.abs(taken - (run * count) / turns.length));
      }
    }
  }
  return most;
}

describe("turns", () => {
  it("give every slot its count, ties to the first", () => {
    expect(turnsOf([2, 1, 1])).toEqual([0, 1, 2, 0]);
    expect(turnsOf([1, 3])).toEqual([1, 0, 1, 1]);
    expect(turnsOf([0, 2, 2])).toEqual([1, 2, 1, 2]);
    expect(turnsOf([3])).toEqual([0, 0, 0]);
  });

  it("begin where they are told", () => {
    const turns = turnsOf([5, 2, 1]);
    expect(turnsOf([5, 2, 1], 3)).toEqual([...turns.slice(3), ...turns.slice(0, 3)]);
  });

  it("keep any run near the shares", () => {
    const rng = new Rng(5);
    for (let i = 0; i < 60; i++) {
      const slots = 2 + (i % 5);
      const counts = randomCounts(rng, slots, i % 2 === 0 ? 64 : 48);
      expect(furthest(turnsOf(counts), counts)).toBeLessThan(slots === 2 ? 1 : 1.75);
    }
  });
});

describe("ranks' first turns", () => {
  it("lie nearly evenly, odd as well as even, however many ranks there are", () => {
    expect(Array.from({ length: 8 }, (_, rank) => firstTurn(rank, 64))).toEqual([
      0, 39, 15, 54, 30, 5, 45, 20,
    ]);
    for (const [ranks, entries] of [
      [8, 1024],
      [32, 64],
      [72, 1000],
      [128, 1024],
    ]) {
      const firsts = Array.from({ length: ranks }, (_, rank) => firstTurn(rank, entries));
      const sorted = firsts.toSorted((a, b) => a - b);
      const gaps = sorted.map((first, i) => (sorted[i + 1] ?? entries) - first);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(Math.ceil((1.8 * entries) / ranks));
      expect(Math.abs(firsts.filter((first) => first % 2 === 1).length / ranks - 0.5)).toBeLessThan(0.15);
    }
  });
});

describe("a dispatch table", () => {
  it("is the one that plug-ins write too", async () => {
    const file = new URL("../golden/dispatch-table.json", import.meta.url);
    const { gpus, slotsPerGpu, experts, placement, cases } = JSON.parse(
      await readFile(file, "utf8"),
    ) as Golden;
    const topology = { nodes: 1, gpusPerNode: gpus, slotsPerGpu };
    const held = { layers: placement.length, experts, topology, physicalToLogical: placement.flat() };
    for (const { entries, rank, counts, turns, table } of cases) {
      const made = dispatchTable(held, indexReplicas(held), Uint16Array.from(counts.flat()), entries, rank);
      expect([...made.slots]).toEqual(table.flat(2));
      for (const [layer, lists] of table.entries()) {
        for (const [expert, list] of lists.entries()) {
          // What vLLM's kernel takes: one slot after the other where the entries are a power of two.
          const taken = list.map((_, turn) => list[entries === 48 ? turn : entryOfTurn(turn, entries)]);
          expect(taken).toEqual(turns[layer][expert]);
        }
      }
    }
  });

  it("has no entry for an expert without a replica", () => {
    const topology = { nodes: 1, gpusPerNode: 1, slotsPerGpu: 2 };
    const held = { layers: 1, experts: 2, topology, physicalToLogical: [1, -1] };
    const made = dispatchTable(held, indexReplicas(held), Uint16Array.of(2, 0), 2, 0);
    expect([...made.slots]).toEqual([-1, -1, 0, 0]);
  });
});

/** See what `about` says in the file. */
interface Golden {
  readonly gpus: number;
  readonly slotsPerGpu: number;
  readonly experts: number;
  readonly placement: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly entries: number;
    readonly rank: number;
    readonly counts: readonly (readonly number[])[];
    readonly turns: readonly (readonly (readonly number[])[])[];
    readonly table: readonly (readonly (readonly number[])[])[];
  }[];
}
