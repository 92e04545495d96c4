import fc from "fast-check";
import { expect, it } from "vitest";
import { layerBounds } from "../../src/core/placement/bounds.ts";
import { improvePlacement, moveBudgets } from "../../src/core/placement/improve-placement.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { indexReplicas, type Placement, placementFault } from "../../src/model/placement.ts";
import { slotCount } from "../../src/model/topology.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { otherLoad, placementCase } from "../placement-case.ts";

const PARAMETERS = { seed: 12, numRuns: 300 };

const replan = fc.record({
  request: placementCase,
  mostMoves: fc.array(fc.nat(12), { minLength: 2, maxLength: 2 }),
});

function optimumOf(placement: Placement, load: ExpertLoad, speeds: Float64Array): Float64Array {
  return solveShares(placement, indexReplicas(placement), load, speeds).optimum;
}

/** `[layers]`: slots that differ. */
function changedSlots(one: Placement, other: Placement): number[] {
  const width = slotCount(one.topology);
  return Array.from(
    { length: one.layers },
    (_, layer) =>
      Array.from({ length: width }, (__, slot) => layer * width + slot).filter(
        (i) => one.physicalToLogical[i] !== other.physicalToLogical[i],
      ).length,
  );
}

it("is never worse than before, by exact shares, and changes no more slots than it may", () => {
  fc.assert(
    fc.property(replan, ({ request, mostMoves }) => {
      const { speeds } = request.capacity;
      const previous = placeExperts(request);
      const load = otherLoad(request);
      const improved = improvePlacement(previous, load, request.capacity, Int32Array.from(mostMoves));
      const [before, after] = [optimumOf(previous, load, speeds), optimumOf(improved, load, speeds)];
      for (const [layer, changed] of changedSlots(previous, improved).entries()) {
        expect(after[layer]).toBeLessThanOrEqual(before[layer]);
        expect(changed).toBeLessThanOrEqual(mostMoves[layer]);
        // Nothing moves without a gain.
        if (changed > 0) expect(after[layer]).toBeLessThan(before[layer]);
      }
    }),
    PARAMETERS,
  );
});

it("keeps every expert, puts no second copy on a GPU and uses no slot that is not there", () => {
  fc.assert(
    fc.property(replan, ({ request, mostMoves }) => {
      const { slots } = request.capacity;
      const improved = improvePlacement(
        placeExperts(request),
        otherLoad(request),
        request.capacity,
        Int32Array.from(mostMoves),
      );
      expect(placementFault(improved)).toBeNull();
      for (const [i, experts] of gpuExperts(improved).entries()) {
        const held = experts.filter((expert) => expert >= 0);
        expect(new Set(held).size).toBe(held.length);
        expect(experts.slice(slots[i % slots.length]).every((expert) => expert === -1)).toBe(true);
      }
    }),
    PARAMETERS,
  );
});

it("leaves a layer untouched that is at its bound, or that may not change", () => {
  let atBound = 0;
  fc.assert(
    fc.property(placementCase, (request) => {
      const { load, capacity } = request;
      const previous = placeExperts(request);
      const optimum = optimumOf(previous, load, capacity.speeds);
      const improved = improvePlacement(previous, load, capacity, Int32Array.of(99, 0));
      const changed = changedSlots(previous, improved);
      expect(changed[1]).toBe(0);
      if (optimum[0] > layerBounds(load, capacity)[0].value * (1 + 1e-9)) return;
      atBound++;
      expect(changed[0]).toBe(0);
    }),
    PARAMETERS,
  );
  expect(atBound).toBeGreaterThan(50);
});

it("the budget goes to the layers that are above their bound, all of it where any is", () => {
  fc.assert(
    fc.property(placementCase, fc.nat(50), (request, total) => {
      const { capacity } = request;
      const placement = placeExperts(request);
      const load = otherLoad(request);
      const optimum = optimumOf(placement, load, capacity.speeds);
      const gaps = layerBounds(load, capacity).map(({ value }, layer) => optimum[layer] - value);
      const budgets = moveBudgets(placement, load, capacity, total);
      expect(budgets.reduce((a, b) => a + b, 0)).toBe(gaps.some((gap) => gap > 0) ? total : 0);
      for (const [layer, budget] of budgets.entries()) if (gaps[layer] <= 0) expect(budget).toBe(0);
    }),
    PARAMETERS,
  );
});

it("a copy goes into an empty slot before it replaces another", () => {
  const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 };
  const capacity = { slots: Int32Array.of(3, 3), speeds: Float64Array.of(1, 1) };
  const before = Int32Array.of(0, 1, 2, 2, 3, -1);
  const previous = { layers: 1, experts: 4, topology, physicalToLogical: before };
  // The copies of expert 2 carry nothing.
  const load = { layers: 1, experts: 4, tokens: Float64Array.of(8, 2, 0, 2) };
  const improved = improvePlacement(previous, load, capacity, Int32Array.of(1));
  expect([...(improved.physicalToLogical as Int32Array)]).toEqual([0, 1, 2, 2, 3, 0]);
});
