import { describe, expect, it } from "vitest";
import { countMovedSlots } from "../../src/core/migration/moves.ts";
import { layerMaxima } from "../../src/core/planning/consumers/best-layers.ts";
import { consumerOf } from "../../src/core/planning/consumers/consumers.ts";
import { engineOwn } from "../../src/core/planning/engine-own.ts";
import { solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { Rng } from "../../src/lib/rng.ts";
import { CONSUMER_DISPATCHES } from "../../src/model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { type Topology, slotCount } from "../../src/model/topology.ts";
import { problemOf, skewedLoad } from "../placement-problem.ts";

const TOPOLOGY: Topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 };
const CAPACITY = fullCapacity(TOPOLOGY);
const LOAD = skewedLoad(3, 4, 32);

/** Σ over layers of the maximum GPU load, the tokens split by what the solution says. */
function sumOfMaxima(placement: Placement, shares: ArrayLike<number>, load: ExpertLoad): number {
  const width = slotCount(placement.topology);
  const { slotsPerGpu } = placement.topology;
  let sum = 0;
  for (let layer = 0; layer < load.layers; layer++) {
    const gpus = new Float64Array(width / slotsPerGpu);
    for (let slot = 0; slot < width; slot++) {
      const expert = placement.physicalToLogical[layer * width + slot];
      if (expert < 0) continue;
      gpus[Math.floor(slot / slotsPerGpu)] +=
        load.tokens[layer * load.experts + expert] * shares[layer * width + slot];
    }
    sum += Math.max(...gpus);
  }
  return sum;
}

describe.each(CONSUMER_DISPATCHES)("a placement that is dispatched by %s", (dispatch) => {
  const solution = solvePlacement(problemOf(LOAD, TOPOLOGY, { dispatch }));
  const mean = LOAD.tokens.reduce((a, b) => a + b, 0) / 8;

  it("is certified by that dispatch, and says so", () => {
    const { placement, shares, certificate } = solution;
    expect(certificate.dispatch).toBe(dispatch);
    expect(certificate.balancedness).toBeCloseTo(mean / sumOfMaxima(placement, shares, LOAD), 9);
  });

  it("gives every expert's tokens to its slots, whole", () => {
    const { placement, shares } = solution;
    expect(placementFault(placement)).toBeNull();
    const { offsets, slots } = indexReplicas(placement);
    for (let row = 0; row < LOAD.layers * LOAD.experts; row++) {
      const first = Math.floor(row / LOAD.experts) * slotCount(TOPOLOGY);
      let sum = 0;
      for (let i = offsets[row]; i < offsets[row + 1]; i++) sum += shares[first + slots[i]];
      expect(sum).toBeCloseTo(1, 9);
    }
  });

  it("is as level as the engine's own algorithm would be, from scratch and from any placement in force", () => {
    const consumer = consumerOf(dispatch);
    const own = engineOwn({ load: LOAD, topology: TOPOLOGY, capacity: CAPACITY, groups: 1 }, consumer);
    expect(own).not.toBeNull();
    const theirs = own?.balancedness ?? 2;
    expect(solution.certificate.balancedness).toBeGreaterThanOrEqual(theirs - 1e-9);
    for (const previous of [
      contiguousPlacement(LOAD.layers, LOAD.experts, TOPOLOGY),
      eplb(skewedLoad(4, 4, 32), TOPOLOGY, 1),
      solvePlacement(problemOf(skewedLoad(5, 4, 32), TOPOLOGY, { dispatch })).placement,
    ]) {
      const { certificate, moves } = solvePlacement(problemOf(LOAD, TOPOLOGY, { dispatch, previous }));
      expect(certificate.balancedness).toBeGreaterThanOrEqual(theirs - 0.005);
      expect(["few moves", "more moves", "afresh"]).toContain(moves.way);
    }
  });

  it("moves no more than it may, whatever comes of it", () => {
    const previous = contiguousPlacement(LOAD.layers, LOAD.experts, TOPOLOGY);
    for (const maxMoves of [0, 3, 20]) {
      const { placement, moves } = solvePlacement(
        problemOf(LOAD, TOPOLOGY, { dispatch, previous, maxMoves }),
      );
      expect(moves.slots).toBeLessThanOrEqual(maxMoves);
      expect(countMovedSlots(previous, placement).slots).toBe(moves.slots);
    }
  });
});

describe("what is moved", () => {
  it("is nothing where what is in force is level already", () => {
    const previous = solvePlacement(problemOf(LOAD, TOPOLOGY, { dispatch: "even" })).placement;
    const { moves } = solvePlacement(problemOf(LOAD, TOPOLOGY, { dispatch: "even", previous }));
    expect(moves).toMatchObject({ slots: 0, way: "few moves" });
  });
});

describe("the split of a consumer", () => {
  const placement = contiguousPlacement(2, 6, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 4 });
  const load = {
    layers: 2,
    experts: 6,
    tokens: Float64Array.from({ length: 12 }, () => new Rng(1).below(9)),
  };
  const replicas = indexReplicas(placement);
  const speeds = new Float64Array(2).fill(1);

  it("is even where the engine knows of no shares: two slots of an expert on one GPU count twice", () => {
    const { values } = consumerOf("even").split({ placement, replicas, load, speeds, last: null });
    expect([...values.subarray(0, 8)]).toEqual([0.5, 0.5, 1, 1, 1, 1, 0.5, 0.5]);
  });

  it("never levels better than exact shares do", () => {
    const least = layerMaxima(consumerOf("shares"), placement, load, speeds);
    for (const dispatch of CONSUMER_DISPATCHES) {
      const maxima = layerMaxima(consumerOf(dispatch), placement, load, speeds);
      for (const [layer, max] of maxima.entries()) expect(max).toBeGreaterThanOrEqual(least[layer] - 1e-9);
    }
  });
});
