import fc from "fast-check";
import { expect, it } from "vitest";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { rehomeExperts } from "../../src/core/placement/rehome-experts.ts";
import { Rng } from "../../src/lib/rng.ts";
import { placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";

const topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 };
const EXPERTS = 24;
const LAYERS = 2;

it("a placement that has lost GPUs is whole again, and only what was lost moves", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.uniqueArray(fc.integer({ min: 0, max: gpuCount(topology) - 1 }), { maxLength: 3 }),
      (seed, gone) => {
        const rng = new Rng(seed);
        const tokens = Float64Array.from({ length: LAYERS * EXPERTS }, () => Math.exp(rng.normal()));
        const load = { layers: LAYERS, experts: EXPERTS, tokens };
        const capacity = fullCapacity(topology);
        const before = placeExperts({ load, topology, capacity, coactivation: null });
        for (const gpu of gone) capacity.slots[gpu] = 0;
        const after = rehomeExperts(before, load, capacity);

        expect(placementFault(after)).toBeNull();
        const width = slotCount(topology);
        for (let layer = 0; layer < LAYERS; layer++) {
          const lost = new Set(Array.from({ length: EXPERTS }, (_, e) => e));
          let changed = 0;
          for (let slot = 0; slot < width; slot++) {
            const i = layer * width + slot;
            if (gone.includes(Math.floor(slot / topology.slotsPerGpu))) {
              expect(after.physicalToLogical[i]).toBe(-1);
              continue;
            }
            lost.delete(before.physicalToLogical[i]);
            if (after.physicalToLogical[i] !== before.physicalToLogical[i]) changed++;
          }
          expect(changed).toBe(lost.size);
        }
      },
    ),
    { seed: 31, numRuns: 200 },
  );
});

it("leaves those with the least load without a slot when the slots that are left cannot hold all", () => {
  const load = {
    layers: 1,
    experts: EXPERTS,
    tokens: Float64Array.from({ length: EXPERTS }, (_, e) => e + 1),
  };
  const capacity = fullCapacity(topology);
  const before = placeExperts({ load, topology, capacity, coactivation: null });
  capacity.slots.fill(0, 0, 4);
  const after = rehomeExperts(before, load, capacity);
  const kept = new Set((after.physicalToLogical as Int32Array).filter((expert) => expert >= 0));
  expect(kept.size).toBe(20);
  const held = new Set((before.physicalToLogical as Int32Array).subarray(20));
  const lost = Array.from({ length: EXPERTS }, (_, e) => e).filter((e) => !held.has(e));
  const without = Array.from({ length: EXPERTS }, (_, e) => e).filter((e) => !kept.has(e));
  expect(without).toEqual(lost.slice(0, 4));
});
