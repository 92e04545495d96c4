import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { certify } from "../../src/core/placement/certificate.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { type PlacementRequest, placeExperts } from "../../src/core/placement/place-experts.ts";
import { gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../../src/model/load.ts";
import { type Placement, indexReplicas } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { leastMaximum } from "../least-maximum.ts";
import { placementCase } from "../placement-case.ts";
import { randomLoad, randomPlacement } from "../random-placement.ts";
import { EP32 } from "../../harness/small-model.ts";

function expectOptimal(
  placement: Placement,
  load: ExpertLoad,
  capacity = fullCapacity(placement.topology),
): void {
  const replicas = indexReplicas(placement);
  const { values, optimum } = solveShares(placement, replicas, load, capacity.speeds);
  const { layers } = certify(load, capacity, gpuLoads(placement, values, load));
  for (const [layer, { max }] of layers.entries()) {
    const least = leastMaximum(placement, replicas, layer, load, capacity.speeds);
    expect(optimum[layer] / least).toBeCloseTo(1, 6);
    expect(max / least).toBeCloseTo(1, 6);
  }
}

function expectCertified(request: PlacementRequest): void {
  expectOptimal(placeExperts(request), request.load, request.capacity);
}

describe("shares against HiGHS", () => {
  it("reach the least maximum on random placements", () => {
    for (let seed = 0; seed < 60; seed++) {
      const rng = new Rng(seed);
      const topology = {
        nodes: 1 + rng.below(3),
        gpusPerNode: 1 + rng.below(4),
        slotsPerGpu: 2 + rng.below(5),
      };
      const width = topology.nodes * topology.gpusPerNode * topology.slotsPerGpu;
      const experts = 1 + rng.below(width);
      const load = randomLoad(rng, 2, experts, 3);
      load.tokens[0] = load.tokens[experts] = 1;
      expectOptimal(randomPlacement(rng, 2, experts, topology), load);
    }
  });

  it("reach the least maximum on DeepSeek-V3's pool, on another load than it was placed for", () => {
    const rng = new Rng(288);
    const skewed = () => Float64Array.from({ length: 256 }, () => Math.exp(1.2 * rng.normal()));
    const placedFor = { layers: 1, experts: 256, tokens: skewed() };
    const placement = eplb(placedFor, EP32, 8);
    expectOptimal(placement, placedFor);
    const drifted = placedFor.tokens.map((tokens) => tokens * Math.exp(0.5 * rng.normal()));
    expectOptimal(placement, { layers: 1, experts: 256, tokens: drifted });
  });
});

describe("the certificate of a plan against HiGHS", () => {
  it("states the least maximum on small pools: unequal slots, speeds, GPUs out of service, co-activation", () => {
    const parameters = { seed: 6, numRuns: 60 };
    fc.assert(
      fc.property(placementCase, (request) => {
        const { load } = request;
        fc.pre([0, 1].every((layer) => layerLoad(load, layer).some((tokens) => tokens > 0)));
        expectCertified(request);
      }),
      parameters,
    );
  });

  it.each([
    ["equal GPUs", () => 1],
    ["a third of the GPUs half as fast", (gpu: number) => (gpu % 3 === 0 ? 0.5 : 1)],
  ])("states the least maximum on DeepSeek-V3's pool: %s", (_, speedOf) => {
    const rng = new Rng(289);
    const tokens = Float64Array.from({ length: 256 }, () => Math.exp(1.2 * rng.normal()));
    const { slots, speeds } = fullCapacity(EP32);
    const capacity = { slots, speeds: speeds.map((__, gpu) => speedOf(gpu)) };
    expectCertified({
      load: { layers: 1, experts: 256, tokens },
      topology: EP32,
      capacity,
      coactivation: null,
    });
  });
});

describe("shares", () => {
  const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 };

  it("are even, and the prices with them, where nothing is loaded", () => {
    const placement = { layers: 1, experts: 3, topology, physicalToLogical: Int32Array.of(0, 1, 0, 2) };
    const load = { layers: 1, experts: 3, tokens: new Float64Array(3) };
    const solved = solveShares(placement, indexReplicas(placement), load);
    expect([...solved.values]).toEqual([0.5, 1, 0.5, 1]);
    expect([...solved.prices]).toEqual([0.5, 0.5]);
    expect([...solved.optimum]).toEqual([0]);
  });

  it("level two GPUs: the example one can check by hand", () => {
    const placement = { layers: 1, experts: 3, topology, physicalToLogical: Int32Array.of(0, 1, 0, 2) };
    const load = { layers: 1, experts: 3, tokens: Float64Array.of(10, 6, 4) };
    const solved = solveShares(placement, indexReplicas(placement), load);
    expect(solved.optimum[0]).toBeCloseTo(10, 12);
    expect(solved.values[0]).toBeCloseTo(0.4, 12);
    expect(solved.values[2]).toBeCloseTo(0.6, 12);
  });

  it("cannot relieve a GPU by a second copy of an expert on it", () => {
    const placement = { layers: 1, experts: 2, topology, physicalToLogical: Int32Array.of(0, 0, 1, 1) };
    const load = { layers: 1, experts: 2, tokens: Float64Array.of(9, 1) };
    const solved = solveShares(placement, indexReplicas(placement), load);
    expect([...solved.values]).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect([...solved.prices]).toEqual([1, 0]);
    expect([...solved.optimum]).toEqual([9]);
  });
});
