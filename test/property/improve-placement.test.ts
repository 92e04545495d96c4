import fc from "fast-check";
import { expect, it } from "vitest";
import { layerBounds } from "../../src/core/placement/bounds.ts";
import { improvePlacement } from "../../src/core/placement/improve-placement.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { indexReplicas, type Placement, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { slotCount } from "../../src/model/topology.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { otherLoad, placementCase } from "../placement-case.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 12, numRuns: runs(300) };

const replan = fc.record({ request: placementCase, most: fc.nat(24) });

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
    fc.property(replan, ({ request, most }) => {
      const { speeds } = request.capacity;
      const previous = placeExperts(request);
      const load = otherLoad(request);
      const improved = improvePlacement(previous, load, request.capacity, most);
      const [before, after] = [optimumOf(previous, load, speeds), optimumOf(improved, load, speeds)];
      const moved = changedSlots(previous, improved);
      expect(moved.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(most);
      for (const [layer, changed] of moved.entries()) {
        expect(after[layer]).toBeLessThanOrEqual(before[layer]);
        // Nothing moves without a gain.
        if (changed > 0) expect(after[layer]).toBeLessThan(before[layer]);
      }
    }),
    PARAMETERS,
  );
});

it("keeps every expert, puts no second copy on a GPU and uses no slot that is not there", () => {
  fc.assert(
    fc.property(replan, ({ request, most }) => {
      const { slots } = request.capacity;
      const improved = improvePlacement(placeExperts(request), otherLoad(request), request.capacity, most);
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

it("leaves a layer untouched that is at its bound, and all where nothing may change", () => {
  let atBound = 0;
  fc.assert(
    fc.property(placementCase, (request) => {
      const { load, capacity } = request;
      const previous = placeExperts(request);
      expect(improvePlacement(previous, otherLoad(request), capacity, 0)).toEqual(previous);
      const optimum = optimumOf(previous, load, capacity.speeds);
      const changed = changedSlots(previous, improvePlacement(previous, load, capacity, 99));
      for (const [layer, { value }] of layerBounds(load, capacity).entries()) {
        if (optimum[layer] > value * (1 + 1e-9)) continue;
        atBound++;
        expect(changed[layer]).toBe(0);
      }
    }),
    PARAMETERS,
  );
  expect(atBound).toBeGreaterThan(100);
});

it("says the same again", () => {
  fc.assert(
    fc.property(replan, ({ request, most }) => {
      const [previous, load] = [placeExperts(request), otherLoad(request)];
      const once = improvePlacement(previous, load, request.capacity, most);
      expect(improvePlacement(previous, load, request.capacity, most)).toEqual(once);
    }),
    { ...PARAMETERS, numRuns: runs(50) },
  );
});

it("moves go to the layer where they take most off the maximum", () => {
  const topology = { nodes: 1, gpusPerNode: 4, slotsPerGpu: 2 };
  const capacity = fullCapacity(topology);
  const row = [0, 1, 2, 3, 4, 5, 6, 7];
  const previous = { layers: 2, experts: 8, topology, physicalToLogical: Int32Array.from([...row, ...row]) };
  // Two swaps level the first, one the second: from 20 to 13, and from 110 to 60.
  const load = {
    layers: 2,
    experts: 8,
    tokens: Float64Array.of(10, 10, 10, 10, 3, 3, 3, 3, 60, 50, 0, 10, 25, 25, 25, 25),
  };
  const improved = improvePlacement(previous, load, capacity, 3);
  expect(changedSlots(previous, improved)).toEqual([0, 2]);
  expect(optimumOf(improved, load, capacity.speeds)[1]).toBe(60);
  expect(optimumOf(improvePlacement(previous, load, capacity, 6), load, capacity.speeds)).toEqual(
    Float64Array.of(13, 60),
  );
});

it("an expert makes room for a hotter one where another has a replica to spare", () => {
  const topology = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 };
  const capacity = fullCapacity(topology);
  // Expert 0 needs a second GPU. Only 1 can be spared, and only where there is no room beside 3.
  const previous = {
    layers: 1,
    experts: 5,
    topology,
    physicalToLogical: Int32Array.of(0, 1, 2, 4, 3, 1),
  };
  const load = { layers: 1, experts: 5, tokens: Float64Array.of(16, 0, 2, 6, 4) };
  const improved = improvePlacement(previous, load, capacity, 2);
  expect(changedSlots(previous, improved)).toEqual([2]);
  expect(optimumOf(improved, load, capacity.speeds)[0]).toBeLessThanOrEqual(10);
});

it("a copy goes into an empty slot before it replaces another", () => {
  const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 };
  const capacity = { slots: Int32Array.of(3, 3), speeds: Float64Array.of(1, 1) };
  const before = Int32Array.of(0, 1, 2, 2, 3, -1);
  const previous = { layers: 1, experts: 4, topology, physicalToLogical: before };
  // The copies of expert 2 carry nothing.
  const load = { layers: 1, experts: 4, tokens: Float64Array.of(8, 2, 0, 2) };
  const improved = improvePlacement(previous, load, capacity, 1);
  expect([...(improved.physicalToLogical as Int32Array)]).toEqual([0, 1, 2, 2, 3, 0]);
});
