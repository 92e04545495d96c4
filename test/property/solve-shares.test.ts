import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, it } from "vitest";
import { gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { randomLoad, randomPlacement } from "../random-placement.ts";
import { runs } from "../runs.ts";

const LAYERS = 2;

const problem = fc
  .record({
    topology: fc.record({
      nodes: fc.integer({ min: 1, max: 4 }),
      gpusPerNode: fc.integer({ min: 1, max: 4 }),
      slotsPerGpu: fc.integer({ min: 1, max: 8 }),
    }),
    redundancy: fc.integer({ min: 0, max: 100 }),
    decades: fc.constantFrom(0, 1, 4, 12, 20),
    seed: fc.nat(),
  })
  .map(({ topology, redundancy, decades, seed }) => {
    const rng = new Rng(seed);
    const experts = Math.max(1, Math.round(slotCount(topology) * (1 - redundancy / 100)));
    const placement = randomPlacement(rng, LAYERS, experts, topology);
    return { placement, replicas: indexReplicas(placement), load: randomLoad(rng, LAYERS, experts, decades) };
  });

const PARAMETERS = { seed: 41, numRuns: runs(160) };

it("shares are fractions that sum to 1 for every expert", () => {
  fc.assert(
    fc.property(problem, ({ placement, replicas, load }) => {
      const { values } = solveShares(placement, replicas, load);
      const sums = new Float64Array(LAYERS * placement.experts);
      const width = slotCount(placement.topology);
      for (const [i, expert] of placement.physicalToLogical.entries()) {
        assert.ok(values[i] >= 0);
        sums[Math.floor(i / width) * placement.experts + expert] += values[i];
      }
      for (const sum of sums) assert.ok(Math.abs(sum - 1) < 5e-13);
    }),
    PARAMETERS,
  );
});

it("the prices prove that no other split has a smaller maximum", () => {
  fc.assert(
    fc.property(problem, ({ placement, replicas, load }) => {
      const { values, prices, optimum } = solveShares(placement, replicas, load);
      const { experts, topology } = placement;
      const gpus = gpuCount(topology);
      const loads = gpuLoads(placement, values, load);
      for (let layer = 0; layer < LAYERS; layer++) {
        const price = prices.subarray(layer * gpus, (layer + 1) * gpus);
        expect(Math.min(...price)).toBeGreaterThanOrEqual(0);
        expect(price.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
        // Weak duality: whatever the split, Σ price × load is at least this, and at most the maximum.
        let bound = 0;
        for (let expert = 0; expert < experts; expert++) {
          const row = layer * experts + expert;
          const slots = replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1]);
          const cheapest = Math.min(
            ...Array.from(slots, (slot) => price[Math.floor(slot / topology.slotsPerGpu)]),
          );
          bound += load.tokens[row] * cheapest;
        }
        const tolerance = 1e-9 * bound;
        expect(
          Math.abs(Math.max(...loads.subarray(layer * gpus, (layer + 1) * gpus)) - bound),
        ).toBeLessThanOrEqual(tolerance);
        expect(Math.abs(optimum[layer] - bound)).toBeLessThanOrEqual(tolerance);
      }
    }),
    PARAMETERS,
  );
});

it("scaling the load scales the optimum and leaves the shares", () => {
  fc.assert(
    fc.property(problem, fc.integer({ min: -30, max: 30 }), ({ placement, replicas, load }, exponent) => {
      const scaled = { ...load, tokens: load.tokens.map((tokens) => tokens * 2 ** exponent) };
      const [one, other] = [solveShares(placement, replicas, load), solveShares(placement, replicas, scaled)];
      expect(other.values).toEqual(one.values);
      expect(other.optimum).toEqual(one.optimum.map((value) => value * 2 ** exponent));
    }),
    PARAMETERS,
  );
});
