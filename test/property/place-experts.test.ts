import fc from "fast-check";
import { expect, it } from "vitest";
import { layerBounds } from "../../src/core/placement/bounds.ts";
import { certify } from "../../src/core/placement/certificate.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { layerLoad } from "../../src/model/load.ts";
import { indexReplicas, placementFault } from "../../src/model/placement.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { placementCase } from "../placement-case.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 3, numRuns: runs(120) };

it("every expert has a slot, no GPU two copies of one, and no slot is used that is not there", () => {
  fc.assert(
    fc.property(placementCase, (request) => {
      const placement = placeExperts(request);
      expect(placementFault(placement)).toBeNull();
      const { slots } = request.capacity;
      for (const [i, experts] of gpuExperts(placement).entries()) {
        const usable = slots[i % slots.length];
        const held = experts.filter((expert) => expert >= 0);
        expect(experts.slice(usable).every((expert) => expert === -1)).toBe(true);
        expect(new Set(held).size).toBe(held.length);
      }
    }),
    PARAMETERS,
  );
});

it("no split of the tokens betters the bound, and the certificate says how near it is", () => {
  fc.assert(
    fc.property(placementCase, (request) => {
      const { load, capacity } = request;
      const placement = placeExperts(request);
      const { values, optimum } = solveShares(placement, indexReplicas(placement), load, capacity.speeds);
      const { layers, balancedness, bound } = certify(load, capacity, gpuLoads(placement, values, load));
      expect(balancedness).toBeLessThanOrEqual(bound * (1 + 1e-9));
      for (const [layer, certificate] of layers.entries()) {
        expect(Math.abs(certificate.max - optimum[layer])).toBeLessThanOrEqual(1e-9 * optimum[layer]);
        expect(certificate.bound).toBeLessThanOrEqual(optimum[layer] * (1 + 1e-9));
      }
    }),
    PARAMETERS,
  );
});

it("the same input gives the same placement, whatever the unit of the load", () => {
  fc.assert(
    fc.property(placementCase, fc.integer({ min: -20, max: 20 }), (request, exponent) => {
      const { load } = request;
      const scaled = { ...load, tokens: load.tokens.map((tokens) => tokens * 2 ** exponent) };
      const placement = placeExperts(request);
      expect(placeExperts(request)).toEqual(placement);
      expect(placeExperts({ ...request, load: scaled })).toEqual(placement);
    }),
    PARAMETERS,
  );
});

it("each layer is placed by its own load only", () => {
  fc.assert(
    fc.property(placementCase, (request) => {
      const { load } = request;
      // A sample of one layer speaks for every layer.
      const coactivation = request.coactivation?.sample.layers === 1 ? request.coactivation : null;
      const all = gpuExperts(placeExperts({ ...request, coactivation }));
      for (let layer = 0; layer < load.layers; layer++) {
        const alone = { layers: 1, experts: load.experts, tokens: layerLoad(load, layer) };
        const placed = gpuExperts(placeExperts({ ...request, load: alone, coactivation }));
        expect(all.slice(layer * placed.length, (layer + 1) * placed.length)).toEqual(placed);
      }
    }),
    { ...PARAMETERS, numRuns: runs(240) },
  );
});

it("a slot that stays empty carries nothing of the layer before", () => {
  const topology = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 5 };
  const capacity = { slots: Int32Array.of(5, 2, 5), speeds: Float64Array.of(1, 1, 1) };
  const layers = [
    [6, 8, 2, 7, 15, 10],
    [7, 34, 3, 3, 3, 7],
  ];
  const place = (rows: readonly number[][]) => {
    const load = { layers: rows.length, experts: 6, tokens: Float64Array.from(rows.flat()) };
    return gpuExperts(placeExperts({ load, topology, capacity, coactivation: null }));
  };
  const alone = place([layers[1]]);
  expect(place(layers).slice(3)).toEqual(alone);
  // The case is one: a usable slot stays empty.
  expect(alone[0].concat(alone[2])).toContain(-1);
});

it("one dominating expert is on every GPU that has a slot to spare", () => {
  const topology = { nodes: 3, gpusPerNode: 3, slotsPerGpu: 4 };
  const slots = Int32Array.of(4, 3, 4, 4, 0, 4, 2, 4, 4);
  const speeds = new Float64Array(9).fill(1);
  const tokens = new Float64Array(13).fill(1);
  tokens[5] = 1e6;
  const load = { layers: 1, experts: 13, tokens };
  const placement = placeExperts({ load, topology, capacity: { slots, speeds }, coactivation: null });
  const holders = gpuExperts(placement).filter((experts) => experts.includes(5));
  expect(holders).toHaveLength(8);
  const { optimum } = solveShares(placement, indexReplicas(placement), load, speeds);
  expect(optimum[0]).toBeCloseTo(layerBounds(load, { slots, speeds })[0].value, 6);
});

it("fewer usable slots than experts are refused", () => {
  const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 };
  const capacity = { slots: Int32Array.of(2, 0), speeds: Float64Array.of(1, 1) };
  const load = { layers: 1, experts: 3, tokens: Float64Array.of(1, 1, 1) };
  expect(() => placeExperts({ load, topology, capacity, coactivation: null })).toThrow(RangeError);
});
