import fc from "fast-check";
import { expect, it } from "vitest";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { LevelFlow } from "../../src/core/shares/level-flow.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { layerLoad } from "../../src/model/load.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { slotCount } from "../../src/model/topology.ts";
import { otherLoad, placementCase } from "../placement-case.ts";
import { runs } from "../runs.ts";

/** The first layer of a placement, and a load that it was not made for. */
const layerCase = placementCase.map((request) => {
  const placement = placeExperts(request);
  const load = otherLoad(request);
  const row = Int32Array.from(placement.physicalToLogical as ArrayLike<number>).subarray(
    0,
    slotCount(request.topology),
  );
  const { optimum } = solveShares(placement, indexReplicas(placement), load, request.capacity.speeds);
  return { ...request, row, tokens: layerLoad(load, 0), optimum: optimum[0] };
});

it("all the load fits under the optimum of the exact shares, and not under less", () => {
  fc.assert(
    fc.property(layerCase, ({ row, tokens, capacity, optimum }) => {
      fc.pre(optimum > 0);
      const total = tokens.reduce((a, b) => a + b, 0);
      const flow = new LevelFlow(row, tokens, capacity);
      expect(flow.setLevel(0.99 * optimum)).toBeGreaterThan(0);
      expect(flow.setLevel(optimum * (1 + 1e-6))).toBe(0);
      expect(flow.load.reduce((a, b) => a + b, 0)).toBeCloseTo(total, 6);
      for (const [gpu, load] of flow.load.entries()) {
        expect(load).toBeLessThanOrEqual(optimum * (1 + 2e-6) * capacity.speeds[gpu]);
      }
    }),
    { seed: 91, numRuns: runs(80) },
  );
});

it("after any changes, and some taken back, as much is left over as where it begins with them", () => {
  fc.assert(
    fc.property(layerCase, fc.nat(), fc.integer({ min: 50, max: 110 }), (layer, seed, percent) => {
      const { row, tokens, capacity, optimum, topology } = layer;
      const rng = new Rng(seed);
      const level = (optimum * percent) / 100;
      const flow = new LevelFlow(row, tokens, capacity);
      flow.setLevel(level);
      for (let change = 0; change < 12; change++) {
        const slot = rng.below(row.length);
        const usable = slot % topology.slotsPerGpu < capacity.slots[flow.gpuOf[slot]];
        const before = flow.row[slot];
        if (!usable || (before >= 0 && flow.replicas[before] < 2)) continue;
        flow.save();
        flow.put(slot, rng.below(tokens.length));
        const left = flow.settle();
        const afresh = new LevelFlow(flow.row, tokens, capacity).setLevel(level);
        expect(Math.abs(left - afresh)).toBeLessThanOrEqual(1e-6 * tokens.reduce((a, b) => a + b, 1));
        for (let gpu = 0; gpu < flow.load.length; gpu++) {
          if (flow.jammed[gpu] === 1) expect(flow.room(gpu)).toBeLessThanOrEqual(flow.epsilon);
        }
        if (rng.below(2) === 0) continue;
        flow.put(slot, before);
        flow.restore();
      }
    }),
    { seed: 92, numRuns: runs(40) },
  );
});
