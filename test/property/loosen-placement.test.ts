import fc from "fast-check";
import { expect, it } from "vitest";
import { countMovedSlots } from "../../src/core/migration/moves.ts";
import { adaptPlacement } from "../../src/core/placement/adapt-placement.ts";
import { improvePlacement } from "../../src/core/placement/improve-placement.ts";
import { loosenPlacement } from "../../src/core/placement/loosen-placement.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { balancednessOver } from "../../src/core/shares/balancedness-over.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { type PoolCapacity, fullCapacity } from "../../src/model/pool-capacity.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { otherLoad, placementCase } from "../placement-case.ts";
import { runs } from "../runs.ts";

const replan = fc.record({ request: placementCase, most: fc.nat(24) });

function optimumOf(placement: Placement, load: ExpertLoad, { speeds }: PoolCapacity): Float64Array {
  return solveShares(placement, indexReplicas(placement), load, speeds).optimum;
}

it("keeps to the moves, loses no expert, and no layer is less level than in force, or by more than 0.2 %", () => {
  let loosened = 0;
  fc.assert(
    fc.property(replan, ({ request, most }) => {
      const { capacity } = request;
      const inForce = placeExperts(request);
      const load = otherLoad(request);
      const improved = improvePlacement(inForce, load, capacity, most);
      const moved = countMovedSlots(inForce, improved).slots;
      const next = loosenPlacement(inForce, improved, load, capacity, most - moved);
      expect(countMovedSlots(inForce, next).slots).toBeLessThanOrEqual(most);
      expect(placementFault(next)).toBeNull();
      for (const [i, experts] of gpuExperts(next).entries()) {
        const held = experts.filter((expert) => expert >= 0);
        expect(new Set(held).size).toBe(held.length);
        const slots = capacity.slots[i % capacity.slots.length];
        expect(experts.slice(slots).every((expert) => expert === -1)).toBe(true);
      }
      const [before, now, after] = [inForce, improved, next].map((one) => optimumOf(one, load, capacity));
      for (const [layer, optimum] of after.entries()) {
        expect(optimum).toBeLessThanOrEqual(before[layer]);
        expect(optimum).toBeLessThanOrEqual(now[layer] * 1.002);
      }
      expect(loosenPlacement(inForce, improved, load, capacity, most - moved)).toEqual(next);
      loosened += countMovedSlots(improved, next).slots;
    }),
    { seed: 91, numRuns: runs(80) },
  );
  expect(loosened).toBeGreaterThan(0);
});

it("leaves a layer without load as it is", () => {
  fc.assert(
    fc.property(replan, ({ request, most }) => {
      const inForce = placeExperts(request);
      const load = { ...request.load, tokens: request.load.tokens.map(() => 0) };
      expect(loosenPlacement(inForce, inForce, load, request.capacity, most)).toEqual(inForce);
    }),
    { seed: 92, numRuns: runs(10) },
  );
});

it("leaves the next load of a drift more level than few moves alone", () => {
  const topology = { nodes: 1, gpusPerNode: 16, slotsPerGpu: 5 };
  const capacity = fullCapacity(topology);
  const rng = new Rng(93);
  const drifted = (load: ExpertLoad): ExpertLoad => ({
    ...load,
    tokens: load.tokens.map((count) => count ** 0.9 * Math.exp(0.4 * rng.normal())),
  });
  let load = drifted({ layers: 4, experts: 64, tokens: new Float64Array(4 * 64).fill(1) });
  const start = placeExperts({ load, topology, capacity, coactivation: null });
  let [few, loose] = [start, start];
  let [byFew, byLoose] = [0, 0];
  for (let window = 0; window < 12; window++) {
    load = drifted(load);
    const level = (one: Placement) => balancednessOver(one, indexReplicas(one), [load]);
    byFew += level(few);
    byLoose += level(loose);
    few = improvePlacement(few, load, capacity, 48);
    loose = adaptPlacement(loose, load, capacity);
  }
  expect(byLoose).toBeGreaterThan(1.01 * byFew);
});
