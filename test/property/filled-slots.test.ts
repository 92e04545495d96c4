import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, it } from "vitest";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { fillSlots, heldTwice } from "../../src/model/filled-slots.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 20_263, numRuns: runs(300) };
const LAYERS = 2;
const MOST_SLOTS = LAYERS * 4 * 5;

/** Placements with empty slots, in which every GPU holds something. */
const holed: fc.Arbitrary<Placement> = fc
  .record({
    experts: fc.integer({ min: 2, max: 6 }),
    gpus: fc.integer({ min: 1, max: 4 }),
    slotsPerGpu: fc.integer({ min: 1, max: 5 }),
    draws: fc.array(fc.nat(1000), { minLength: 2 * MOST_SLOTS, maxLength: 2 * MOST_SLOTS }),
  })
  .map(({ experts, gpus, slotsPerGpu, draws }) => {
    const topology = { nodes: 1, gpusPerNode: gpus, slotsPerGpu };
    const physicalToLogical = Int32Array.from({ length: LAYERS * slotCount(topology) }, (_, slot) =>
      slot % slotsPerGpu === 0 || draws[2 * slot] % 3 > 0 ? draws[2 * slot + 1] % experts : -1,
    );
    return { layers: LAYERS, experts, topology, physicalToLogical };
  })
  .filter((placement) => placementFault(placement) === null);

const loadsOf = (placement: Placement) => {
  const { layers, experts } = placement;
  const tokens = Float64Array.from({ length: layers * experts }, (_, i) => 1 + ((i * 7) % 11));
  const shares = evenShares(placement, indexReplicas(placement)).values;
  return gpuLoads(placement, shares, { layers, experts, tokens });
};

it("fills every slot, changes no other, and leaves GPUs what they get where it says so", () => {
  let undrawn = 0;
  fc.assert(
    fc.property(holed, (placement) => {
      const full = fillSlots(placement, true) ?? expect.unreachable();
      const map = full.placement.physicalToLogical;
      const empty = Array.from({ length: map.length }, (_, i) => i).filter(
        (i) => placement.physicalToLogical[i] < 0,
      );
      expect(placementFault(full.placement)).toBeNull();
      expect(full.filled).toBe(empty.length);
      for (let i = 0; i < map.length; i++) {
        assert.ok(map[i] >= 0);
        if (placement.physicalToLogical[i] >= 0) assert.equal(map[i], placement.physicalToLogical[i]);
      }
      if (full.drawing > 0) return;
      undrawn++;
      const [before, after] = [loadsOf(placement), loadsOf(full.placement)];
      for (let i = 0; i < before.length; i++) expect(after[i]).toBeCloseTo(before[i], 9);
    }),
    PARAMETERS,
  );
  expect(undrawn).toBeGreaterThan(20);
});

it("puts no expert on a GPU twice where it may not, or has none to put there", () => {
  let filled = 0;
  fc.assert(
    fc.property(holed, (placement) => {
      if (heldTwice(placement) !== null) return;
      const full = fillSlots(placement, false);
      const { experts, topology } = placement;
      if (full === null) {
        expect(experts).toBeLessThan(topology.slotsPerGpu);
        return;
      }
      filled += full.filled;
      expect(heldTwice(full.placement)).toBeNull();
      expect(gpuCount(full.placement.topology)).toBe(gpuCount(topology));
    }),
    PARAMETERS,
  );
  expect(filled).toBeGreaterThan(20);
});
