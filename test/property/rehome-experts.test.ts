import fc from "fast-check";
import { expect, it } from "vitest";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { bringBack, rehomeExperts } from "../../src/core/placement/rehome-experts.ts";
import { Rng } from "../../src/lib/rng.ts";
import { placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { runs } from "../runs.ts";

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
    { seed: 31, numRuns: runs(80) },
  );
});

it("what finds no room stays where it is; of what is lost, the experts with the least load stay without", () => {
  const experts = Array.from({ length: EXPERTS }, (_, e) => e);
  const load = { layers: 1, experts: EXPERTS, tokens: Float64Array.from(experts, (e) => e + 1) };
  const capacity = fullCapacity(topology);
  const before = placeExperts({ load, topology, capacity, coactivation: null });
  capacity.slots.fill(0, 0, 4);

  const drained = rehomeExperts(before, load, capacity);
  expect(placementFault(drained)).toBeNull();
  const row = drained.physicalToLogical as Int32Array;
  expect(row.subarray(0, 20).filter((expert) => expert >= 0)).toHaveLength(4);

  const left = (before.physicalToLogical as Int32Array).slice();
  const lost = experts.filter((e) => !left.subarray(20).includes(e));
  left.fill(-1, 0, 20);
  const after = bringBack({ ...before, physicalToLogical: left }, load, capacity);
  const held = after.physicalToLogical as Int32Array;
  expect(held.subarray(0, 20).every((expert) => expert === -1)).toBe(true);
  expect(experts.filter((e) => !held.includes(e))).toEqual(lost.slice(0, 4));
});
