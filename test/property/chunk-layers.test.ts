import fc from "fast-check";
import { expect, test } from "vitest";
import { chunkLayers, withLayersOf } from "../../src/core/migration/chunk-layers.ts";
import { expertBytes } from "../../src/model/moe-model.ts";
import type { Placement } from "../../src/model/placement.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { runs } from "../runs.ts";

const LAYERS = 6;
const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 };
const ONE = expertBytes(SMALL_MODEL);
const placement = fc
  .array(fc.integer({ min: -1, max: 3 }), { minLength: LAYERS * 6, maxLength: LAYERS * 6 })
  .map(
    (slots): Placement => ({
      layers: LAYERS,
      experts: 4,
      topology,
      physicalToLogical: Int32Array.from(slots),
    }),
  );

/** By GPU: slots that get another expert in place of one. */
function replaced(from: Placement, to: Placement): number[] {
  const counts = [0, 0];
  for (const [i, expert] of (to.physicalToLogical as Int32Array).entries()) {
    const before = from.physicalToLogical[i];
    if (expert >= 0 && before >= 0 && before !== expert) counts[Math.floor((i % 6) / 3)]++;
  }
  return counts;
}

test("stages of some layers lead from one placement to the other, each within what GPUs can hold beside", () => {
  fc.assert(
    fc.property(placement, placement, fc.integer({ min: 3, max: 9 }), (from, to, room) => {
      const chunks = chunkLayers(SMALL_MODEL, from, to, room * ONE);
      let now = from;
      for (const layers of chunks) {
        const next = withLayersOf(now, to, layers);
        expect(Math.max(...replaced(now, next))).toBeLessThanOrEqual(room);
        now = next;
      }
      expect(now).toEqual(to);
      expect(chunks.flat()).toEqual(chunks.flat().toSorted((a, b) => a - b));
    }),
    { seed: 7, numRuns: runs(120) },
  );
});

test("a layer that takes more than there is has a group of its own; equal placements have none", () => {
  const from = {
    layers: 2,
    experts: 4,
    topology,
    physicalToLogical: Int32Array.of(0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 0, 1),
  };
  const to = { ...from, physicalToLogical: Int32Array.of(3, 1, 2, 0, 2, 1, 3, 1, 2, 0, 2, 1) };
  expect(chunkLayers(SMALL_MODEL, from, to, 0)).toEqual([[0], [1]]);
  expect(chunkLayers(SMALL_MODEL, from, to, ONE)).toEqual([[0], [1]]);
  expect(chunkLayers(SMALL_MODEL, from, to, 4 * ONE)).toEqual([[0, 1]]);
  expect(chunkLayers(SMALL_MODEL, from, from, ONE)).toEqual([]);
});

test("what goes into empty slots needs no room beside", () => {
  const empty = {
    layers: 2,
    experts: 4,
    topology,
    physicalToLogical: Int32Array.of(0, 1, 2, -1, -1, -1, 3, 1, 2, -1, -1, -1),
  };
  const to = { ...empty, physicalToLogical: Int32Array.of(0, 1, 2, 3, 0, 1, 3, 1, 2, 0, 1, 2) };
  expect(chunkLayers(SMALL_MODEL, empty, to, 0)).toEqual([[0, 1]]);
});
