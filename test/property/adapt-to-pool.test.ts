import fc from "fast-check";
import { expect, it } from "vitest";
import { changedSlots } from "../../src/core/migration/moves.ts";
import { adaptToPool } from "../../src/core/planning/adapt-to-pool.ts";
import { shares } from "../../src/core/planning/consumers/shares.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { balancednessOver } from "../../src/core/shares/balancedness-over.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { type Topology, slotCount } from "../../src/model/topology.ts";
import { runs } from "../runs.ts";

const LAYERS = 2;
const POOLS: readonly Topology[] = [
  { nodes: 1, gpusPerNode: 4, slotsPerGpu: 9 },
  { nodes: 1, gpusPerNode: 9, slotsPerGpu: 4 },
  { nodes: 2, gpusPerNode: 9, slotsPerGpu: 2 },
];
const EXPERTS = 32;

/** A placement of nobody's making, or the one that engines start with, and the load that comes. */
const adaptation = fc
  .record({
    topology: fc.constantFrom(...POOLS),
    start: fc.constantFrom<"random" | "engine" | "placed">("random", "engine", "placed"),
    sigma: fc.constantFrom(0.5, 1, 1.5),
    seed: fc.nat(),
    most: fc.nat(30),
  })
  .map(({ topology, start, sigma, seed, most }) => {
    const rng = new Rng(seed);
    const load = drawn(rng, sigma);
    const previous =
      start === "random"
        ? shuffled(rng, topology)
        : start === "engine"
          ? contiguousPlacement(LAYERS, EXPERTS, topology)
          : anew(topology)(drawn(rng, sigma));
    return { topology, load, previous, most };
  });

function drawn(rng: Rng, sigma: number): ExpertLoad {
  const tokens = Float64Array.from({ length: LAYERS * EXPERTS }, () => Math.exp(sigma * rng.normal()));
  return { layers: LAYERS, experts: EXPERTS, tokens };
}

/** Every expert once, and some again: now and then twice on one GPU. */
function shuffled(rng: Rng, topology: Topology): Placement {
  const width = slotCount(topology);
  const rows = Array.from({ length: LAYERS }, () =>
    Array.from({ length: width }, (_, i) => ({
      expert: i < EXPERTS ? i : rng.below(EXPERTS),
      at: rng.uniform(),
    }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ expert }) => expert),
  );
  return { layers: LAYERS, experts: EXPERTS, topology, physicalToLogical: Int32Array.from(rows.flat()) };
}

function anew(topology: Topology): (load: ExpertLoad) => Placement {
  return (load) => placeExperts({ load, topology, capacity: fullCapacity(topology), coactivation: null });
}

function adapted(topology: Topology, previous: Placement, load: ExpertLoad, most: number): Placement {
  const pool = { topology, capacity: fullCapacity(topology), groups: 1 };
  return adaptToPool(previous, load, pool, most, (question, left) => shares.improve(question, left))
    .placement;
}

function balance(placement: Placement, load: ExpertLoad): number {
  return balancednessOver(placement, indexReplicas(placement), [load]);
}

it("changes no more slots than it may, loses no expert and no balance, and says the same again", () => {
  fc.assert(
    fc.property(adaptation, ({ topology, load, previous, most }) => {
      const next = adapted(topology, previous, load, most);
      expect(placementFault(next)).toBeNull();
      expect(changedSlots(previous, next)).toBeLessThanOrEqual(most);
      expect(balance(next, load)).toBeGreaterThanOrEqual(balance(previous, load));
      expect(adapted(topology, previous, load, most)).toEqual(next);
      expect(adapted(topology, previous, load, 0)).toEqual(previous);
    }),
    { seed: 81, numRuns: runs(40) },
  );
});

it("comes as far as a placement from scratch where moves are no matter, whatever it starts from", () => {
  fc.assert(
    fc.property(adaptation, ({ topology, load, previous }) => {
      const next = adapted(topology, previous, load, LAYERS * slotCount(topology));
      expect(balance(next, load)).toBeGreaterThanOrEqual(0.98 * balance(anew(topology)(load), load));
    }),
    { seed: 82, numRuns: runs(80) },
  );
});

it("a third of the moves comes near it", () => {
  let [next, scratch] = [0, 0];
  fc.assert(
    fc.property(adaptation, ({ topology, load, previous }) => {
      const most = Math.floor((LAYERS * slotCount(topology)) / 3);
      next += balance(adapted(topology, previous, load, most), load);
      scratch += balance(anew(topology)(load), load);
    }),
    { seed: 83, numRuns: runs(30) },
  );
  expect(next).toBeGreaterThan(0.93 * scratch);
});
