import fc from "fast-check";
import { expect, it } from "vitest";
import { fitPlacement } from "../../src/core/migration/fit-placement.ts";
import { countMovedSlots } from "../../src/core/migration/moves.ts";
import { solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { bringBack } from "../../src/core/placement/rehome-experts.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { type Placement, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { type Topology, gpuCount, slotCount } from "../../src/model/topology.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { problemOf, skewedLoad } from "../placement-problem.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 51, numRuns: runs(60) };
const LAYERS = 2;

const topology = fc.record({
  nodes: fc.integer({ min: 1, max: 3 }),
  gpusPerNode: fc.integer({ min: 1, max: 4 }),
  slotsPerGpu: fc.integer({ min: 1, max: 6 }),
});

/** A placement of one pool, and another pool that has slots for its experts. */
const resized = fc
  .record({ before: topology, after: topology, filled: fc.integer({ min: 1, max: 100 }), seed: fc.nat(1e6) })
  .map(({ before, after, filled, seed }) => {
    const least = Math.min(slotCount(before), slotCount(after));
    const experts = Math.max(1, Math.round((least * filled) / 100));
    const load = skewedLoad(seed, LAYERS, experts);
    const previous = solvePlacement(problemOf(load, before)).placement;
    return { load, previous, after, drifted: skewedLoad(seed + 1, LAYERS, experts) };
  });

/** What a rank held in its first slots stays in them, and nothing else is thought of. */
function relabelled(previous: Placement, load: ExpertLoad, after: Topology): Placement {
  const before = previous.topology;
  const physicalToLogical = new Int32Array(LAYERS * slotCount(after)).fill(-1);
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let rank = 0; rank < Math.min(gpuCount(before), gpuCount(after)); rank++) {
      for (let slot = 0; slot < Math.min(before.slotsPerGpu, after.slotsPerGpu); slot++) {
        const from = layer * slotCount(before) + rank * before.slotsPerGpu + slot;
        const to = layer * slotCount(after) + rank * after.slotsPerGpu + slot;
        physicalToLogical[to] = previous.physicalToLogical[from];
      }
    }
  }
  const left = { layers: LAYERS, experts: load.experts, topology: after, physicalToLogical };
  return bringBack(left, load, fullCapacity(after));
}

/** Slots with an expert that their rank held before. */
function kept(previous: Placement, next: Placement): number {
  const before = gpuExperts(previous);
  const [was, is] = [gpuCount(previous.topology), gpuCount(next.topology)];
  return gpuExperts(next)
    .map((experts, i) => {
      const [layer, rank] = [Math.floor(i / is), i % is];
      const held = rank < was ? before[layer * was + rank] : [];
      return new Set(experts.filter((expert) => expert >= 0 && held.includes(expert))).size;
    })
    .reduce((a, b) => a + b, 0);
}

it("every expert is there, once on a GPU, and only what must moves where nothing else may", () => {
  fc.assert(
    fc.property(resized, ({ load, previous, after }) => {
      const { placement, moves, necessary } = solvePlacement(
        problemOf(load, after, { previous, maxMoves: 0 }),
      );
      expect(placementFault(placement)).toBeNull();
      for (const experts of gpuExperts(placement)) {
        const held = experts.filter((expert) => expert >= 0);
        expect(new Set(held).size).toBe(held.length);
      }
      expect(moves.slots).toBe(necessary);
      const naive = relabelled(previous, load, after);
      expect(necessary).toBeLessThanOrEqual(countMovedSlots(previous, naive).slots);
      expect(kept(previous, placement)).toBeGreaterThanOrEqual(kept(previous, naive));
    }),
    PARAMETERS,
  );
});

it("moves count what ranks receive that they did not hold", () => {
  fc.assert(
    fc.property(resized, ({ previous, after, drifted }) => {
      const { placement, moves } = solvePlacement(problemOf(drifted, after, { previous }));
      const held = gpuExperts(placement)
        .flat()
        .filter((expert) => expert >= 0);
      expect(moves.slots).toBe(held.length - kept(previous, placement));
    }),
    PARAMETERS,
  );
});

it("new slots are filled, and the load comes close to what placing afresh makes of it where moves allow it", () => {
  const parts: number[] = [];
  fc.assert(
    fc.property(resized, ({ previous, after, drifted }) => {
      const { placement, certificate } = solvePlacement(
        problemOf(drifted, after, { previous, maxMoves: 1e6 }),
      );
      const afresh = solvePlacement(problemOf(drifted, after)).certificate;
      for (const experts of gpuExperts(placement)) {
        if (experts.includes(-1)) expect(new Set(experts).size).toBe(drifted.experts + 1);
      }
      parts.push(certificate.balancedness / afresh.balancedness);
    }),
    PARAMETERS,
  );
  expect(Math.min(...parts)).toBeGreaterThan(0.93);
  expect(parts.reduce((a, b) => a + b, 0) / parts.length).toBeGreaterThan(0.99);
});

it("a limit holds beside what must change", () => {
  fc.assert(
    fc.property(resized, fc.integer({ min: 0, max: 30 }), ({ previous, after, drifted }, maxMoves) => {
      const { moves, necessary } = solvePlacement(problemOf(drifted, after, { previous, maxMoves }));
      expect(moves.slots).toBeLessThanOrEqual(Math.max(necessary, maxMoves));
    }),
    PARAMETERS,
  );
});

it("a rank that lets go of slots keeps what is nowhere else", () => {
  const before = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 };
  const after = { ...before, slotsPerGpu: 1 };
  // 0 and 1 are on two ranks each: one of them stays where the rank has nothing else to keep.
  const physicalToLogical = Int32Array.of(0, 1, 0, 2, 1, -1);
  const load = { layers: 1, experts: 3, tokens: Float64Array.of(9, 5, 1) };
  const fitted = fitPlacement(
    { layers: 1, experts: 3, topology: before, physicalToLogical },
    load,
    after,
    fullCapacity(after),
  );
  expect([...(fitted.physicalToLogical as Int32Array)]).toEqual([0, 2, 1]);
});
