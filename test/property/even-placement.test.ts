import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changedSlots, keepSlots } from "../../src/core/migration/moves.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { adaptEven } from "../../src/core/placement/even/adapt-even.ts";
import { evenBounds } from "../../src/core/placement/even/even-bounds.ts";
import { EvenLayer } from "../../src/core/placement/even/even-layer.ts";
import { placeEven } from "../../src/core/placement/even/place-even.ts";
import { Pressure, pressureAt } from "../../src/core/placement/even/pressure.ts";
import { Rng } from "../../src/lib/rng.ts";
import { emptyLoad, layerLoad } from "../../src/model/load.ts";
import { type Placement, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { slotCount } from "../../src/model/topology.ts";
import { evenBalancedness, evenMaxima } from "../even-max.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { LAYERS, otherLoad, placementCase } from "../placement-case.ts";
import { randomLoad, randomPlacement } from "../random-placement.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 161, numRuns: runs(150) };

/** A pool that is whole, where nodes often divide the groups; loads with idle experts. */
const wholePool = fc
  .record({
    nodes: fc.integer({ min: 1, max: 4 }),
    gpusPerNode: fc.integer({ min: 1, max: 4 }),
    groups: fc.constantFrom(1, 2, 4, 8),
    groupSize: fc.integer({ min: 1, max: 6 }),
    spareSlots: fc.integer({ min: 0, max: 2 }),
    seed: fc.nat(),
  })
  .map(({ nodes, gpusPerNode, groups, groupSize, spareSlots, seed }) => {
    const experts = groups * groupSize;
    const slotsPerGpu = Math.ceil(experts / (nodes * gpusPerNode)) + spareSlots;
    const topology = { nodes, gpusPerNode, slotsPerGpu };
    const rng = new Rng(seed);
    const load = randomLoad(rng, LAYERS, experts, 2);
    const previous = randomPlacement(rng, LAYERS, experts, topology);
    return { groups, topology, load, previous, capacity: fullCapacity(topology), seed };
  });

/** What must hold of any placement. */
function expectSound(placement: Placement, slots: Int32Array): void {
  expect(placementFault(placement)).toBeNull();
  for (const [i, experts] of gpuExperts(placement).entries()) {
    expect(experts.slice(slots[i % slots.length]).every((expert) => expert === -1)).toBe(true);
  }
}

/** Every expert on one node only. */
function isOnNodes({ layers, experts, topology, physicalToLogical }: Placement): boolean {
  const width = slotCount(topology);
  for (let layer = 0; layer < layers; layer++) {
    const nodeOf = new Int32Array(experts).fill(-1);
    for (let slot = 0; slot < width; slot++) {
      const expert = physicalToLogical[layer * width + slot];
      const node = Math.floor(slot / (topology.gpusPerNode * topology.slotsPerGpu));
      if (expert < 0) continue;
      if (nodeOf[expert] >= 0 && nodeOf[expert] !== node) return false;
      nodeOf[expert] = node;
    }
  }
  return true;
}

describe("from scratch, for an even split", () => {
  it("holds every expert, fills what is usable, and is the same every time", () => {
    fc.assert(
      fc.property(placementCase, ({ load, topology, capacity }) => {
        const placement = placeEven(load, topology, capacity, 1);
        expectSound(placement, capacity.slots);
        const filled = Array.from({ length: placement.physicalToLogical.length }, (_, i) => i).filter(
          (i) => placement.physicalToLogical[i] >= 0,
        ).length;
        expect(filled).toBe(LAYERS * capacity.slots.reduce((a, b) => a + b, 0));
        expect(placeEven(load, topology, capacity, 1)).toEqual(placement);
        const bounds = evenBounds(load, capacity);
        for (const [layer, max] of evenMaxima(placement, load, capacity).entries()) {
          expect(max).toBeGreaterThanOrEqual(bounds[layer] * (1 - 1e-9));
        }
      }),
      PARAMETERS,
    );
  });

  it("is at least as level as EPLB in every layer, and keeps groups on nodes where that does", () => {
    let better = 0;
    let grouped = 0;
    fc.assert(
      fc.property(wholePool, ({ load, topology, capacity, groups }) => {
        const ours = placeEven(load, topology, capacity, groups);
        expectSound(ours, capacity.slots);
        const theirs = evenMaxima(eplb(load, topology, groups), load, capacity);
        for (const [layer, max] of evenMaxima(ours, load, capacity).entries()) {
          expect(max).toBeLessThanOrEqual(theirs[layer] * (1 + 1e-9));
          if (max < theirs[layer] * (1 - 1e-9)) better++;
        }
        if (groups === 1 || topology.nodes === 1 || groups % topology.nodes !== 0) return;
        grouped++;
        expect(isOnNodes(ours)).toBe(true);
      }),
      PARAMETERS,
    );
    expect(better).toBeGreaterThan(50);
    expect(grouped).toBeGreaterThan(20);
  });
});

describe("adapted, for an even split", () => {
  it("moves no more than it may, makes no layer less level, and is the same every time", () => {
    const replan = fc.record({ request: placementCase, mostMoves: fc.nat(20) });
    fc.assert(
      fc.property(replan, ({ request, mostMoves }) => {
        const { topology, capacity } = request;
        const previous = withHoles(placeEven(request.load, topology, capacity, 1), request.seed);
        const load = otherLoad(request);
        const adapt = () => adaptEven(previous, load, topology, capacity, 1, mostMoves);
        const { placement } = adapt();
        expectSound(placement, capacity.slots);
        expect(changedSlots(previous, placement)).toBeLessThanOrEqual(mostMoves);
        const before = evenMaxima(previous, load, capacity);
        for (const [layer, max] of evenMaxima(placement, load, capacity).entries()) {
          expect(max).toBeLessThanOrEqual(before[layer] * (1 + 1e-9));
        }
        expect(adapt().placement).toEqual(placement);
      }),
      PARAMETERS,
    );
  });

  it("is as level as EPLB within half a point, by few moves, more or all, and says which", () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(wholePool, ({ load, topology, capacity, groups, previous }) => {
        const theirs = eplb(load, topology, groups);
        const { placement, way } = adaptEven(previous, load, topology, capacity, groups, null);
        met.add(way);
        expectSound(placement, capacity.slots);
        const few = Math.floor(0.15 * changedSlots(previous, keepSlots(previous, theirs)));
        const moves = changedSlots(previous, placement);
        expect(way === "few moves").toBe(moves <= few);
        const reached = evenBalancedness(placement, load, capacity);
        expect(reached).toBeGreaterThanOrEqual(evenBalancedness(theirs, load, capacity) - 0.005 - 1e-9);
      }),
      PARAMETERS,
    );
    expect([...met].toSorted()).toEqual(["afresh", "few moves", "more moves"]);
  });

  it("with any number of moves is as level as from scratch, within half a point", () => {
    fc.assert(
      fc.property(wholePool, ({ load, topology, capacity, groups, previous }) => {
        const { placement } = adaptEven(previous, load, topology, capacity, groups, 1e9);
        const afresh = evenBalancedness(placeEven(load, topology, capacity, groups), load, capacity);
        expect(evenBalancedness(placement, load, capacity)).toBeGreaterThanOrEqual(afresh - 0.005 - 1e-9);
      }),
      PARAMETERS,
    );
  });

  it("keeps groups on their nodes, and layers without a token as they are", () => {
    fc.assert(
      fc.property(wholePool, fc.nat(20), ({ load, topology, capacity, groups, seed }, mostMoves) => {
        const previous = placeEven(load, topology, capacity, groups);
        const next = { ...load, tokens: randomLoad(new Rng(seed, 1), LAYERS, load.experts, 2).tokens };
        layerLoad(next, 0).fill(0);
        const { placement } = adaptEven(previous, next, topology, capacity, groups, mostMoves);
        const width = slotCount(topology);
        for (let i = 0; i < width; i++) {
          expect(placement.physicalToLogical[i]).toBe(previous.physicalToLogical[i]);
        }
        if (groups > 1 && groups % topology.nodes === 0) expect(isOnNodes(placement)).toBe(true);
        const idle = adaptEven(previous, emptyLoad(LAYERS, load.experts), topology, capacity, groups, null);
        expect(idle.placement).toEqual(previous);
      }),
      PARAMETERS,
    );
  });
});

describe("a layer and what a change makes of it", () => {
  it("has the levels, the moves and the pressure of the placement it stands for", () => {
    fc.assert(
      fc.property(wholePool, fc.nat(), ({ load, topology, capacity, previous }, seed) => {
        const rng = new Rng(seed);
        const { experts } = load;
        const tokens = layerLoad(load, 0).map((n) => n + 1);
        const width = slotCount(topology);
        const row = previous.physicalToLogical.slice(0, width);
        const layer = new EvenLayer(topology, capacity, experts);
        layer.begin({ tokens, row, before: row, homes: null });
        const pressure = new Pressure(layer);
        const total = () => layer.levels.reduce((sum, level) => sum + pressureAt(level / layer.mean), 0);
        for (let step = 0; step < 6; step++) {
          const slots = Int32Array.of(rng.below(width), rng.below(width));
          const gift = layer.counts[layer.row[slots[0]]] > 1;
          const changed = gift
            ? Int32Array.of(rng.below(experts), -1)
            : slots.map((slot) => layer.row[slot]).toReversed();
          if (gift ? changed[0] === layer.row[slots[0]] : slots[0] === slots[1]) continue;
          pressure.refresh();
          const gain = gift ? pressure.given(slots[0], changed[0]) : pressure.swapped(slots[0], slots[1]);
          const expected = total() - gain;
          layer.change(slots, changed, gift ? 1 : 2);
          expect(total() / expected).toBeCloseTo(1, 9);
        }
        const one = { layers: 1, experts, topology };
        const after = { ...one, physicalToLogical: layer.row };
        const before = { ...one, physicalToLogical: row };
        expect(layer.moves).toBe(changedSlots(before, keepSlots(before, after)));
        const [max] = evenMaxima(after, { layers: 1, experts, tokens }, capacity);
        expect(layer.max / max).toBeCloseTo(1, 9);
      }),
      PARAMETERS,
    );
  });
});

/** Without some of the replicas that are one of several. */
function withHoles(placement: Placement, seed: number): Placement {
  const rng = new Rng(seed, 2);
  const { layers, experts, topology } = placement;
  const row = Int32Array.from(placement.physicalToLogical as ArrayLike<number>);
  const width = slotCount(topology);
  const counts = new Int32Array(layers * experts);
  for (let i = 0; i < row.length; i++) if (row[i] >= 0) counts[Math.floor(i / width) * experts + row[i]]++;
  for (let i = 0; i < row.length; i++) {
    const at = Math.floor(i / width) * experts + row[i];
    if (row[i] < 0 || counts[at] < 2 || rng.below(3) > 0) continue;
    counts[at]--;
    row[i] = -1;
  }
  return { ...placement, physicalToLogical: row };
}
