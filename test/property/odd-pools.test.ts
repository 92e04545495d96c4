import fc from "fast-check";
import { expect, it } from "vitest";
import { type PlacementProblem, solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { placementFault } from "../../src/model/placement.ts";
import { type Topology, slotCount } from "../../src/model/topology.ts";
import { problemOf, skewedLoad } from "../placement-problem.ts";
import { runs } from "../runs.ts";

const LAYERS = 3;

/** One GPU, more GPUs than experts, as many slots as experts, prime numbers of all. */
const POOLS: readonly (readonly [experts: number, Topology])[] = [
  [1, { nodes: 1, gpusPerNode: 1, slotsPerGpu: 1 }],
  [1, { nodes: 2, gpusPerNode: 2, slotsPerGpu: 3 }],
  [3, { nodes: 2, gpusPerNode: 4, slotsPerGpu: 2 }],
  [8, { nodes: 1, gpusPerNode: 1, slotsPerGpu: 12 }],
  [12, { nodes: 1, gpusPerNode: 4, slotsPerGpu: 3 }],
  [13, { nodes: 1, gpusPerNode: 13, slotsPerGpu: 1 }],
  [17, { nodes: 1, gpusPerNode: 7, slotsPerGpu: 5 }],
  [10, { nodes: 3, gpusPerNode: 1, slotsPerGpu: 4 }],
  [16, { nodes: 2, gpusPerNode: 4, slotsPerGpu: 2 }],
];

/** Of expert e: nearly nothing, fractions, one hot expert, as much as a number holds. */
const LOADS: readonly ((e: number) => number)[] = [
  (e) => 1e-300 * (e + 1),
  (e) => (e + 1) / 7,
  (e) => (e === 0 ? 5 : 0),
  (e) => (e % 7 === 0 ? 1000 : 0),
  (e) => 1e300 * (e + 1),
];

const WAYS: readonly Partial<PlacementProblem>[] = [
  {},
  { algorithm: "eplb" },
  { activation: { batchTokens: 4, topk: 2 } },
];

it("whatever the pool and the load, the placement is sound, and its figures are numbers", () => {
  const cases = fc.record({
    pool: fc.constantFrom(...POOLS),
    before: fc.constantFrom(...POOLS),
    loadOf: fc.constantFrom(...LOADS),
    way: fc.constantFrom(...WAYS),
    adapts: fc.boolean(),
  });
  fc.assert(
    fc.property(cases, ({ pool: [experts, topology], before: [, other], loadOf, way, adapts }) => {
      const tokens = Float64Array.from({ length: LAYERS * experts }, (_, i) => loadOf(i % experts));
      tokens.fill(0, experts, 2 * experts);
      const load = { layers: LAYERS, experts, tokens };
      const previous =
        adapts && slotCount(other) >= experts
          ? solvePlacement(problemOf(skewedLoad(1, LAYERS, experts), other)).placement
          : null;
      const { placement, shares, certificate } = solvePlacement(
        problemOf(load, topology, { ...way, previous }),
      );
      expect(placementFault(placement)).toBeNull();
      expect(shares.every(Number.isFinite)).toBe(true);
      expect(certificate.balancedness).toBeGreaterThan(0);
      expect(certificate.balancedness).toBeLessThanOrEqual(certificate.bound + 1e-9);
      expect(certificate.bound).toBeLessThanOrEqual(1);
    }),
    { seed: 17, numRuns: runs(160) },
  );
});

it("places 384 experts on 320 ranks", () => {
  const topology = { nodes: 40, gpusPerNode: 8, slotsPerGpu: 2 };
  const { placement, certificate } = solvePlacement(
    problemOf(skewedLoad(3, 1, 384), topology, { groups: 8 }),
  );
  expect(placementFault(placement)).toBeNull();
  expect(certificate.balancedness).toBeGreaterThan(0.8);
});
