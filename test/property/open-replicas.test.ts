import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, it } from "vitest";
import { OpenReplicas } from "../../src/core/dispatch/open-replicas.ts";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import type { TokenBatch } from "../../src/core/dispatch/token-batch.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { LAYERS, chosenSlots, dispatchCase, selection } from "../random-dispatch.ts";
import { runs } from "../runs.ts";

/** Every set of GPUs is looked at: few enough of them. */
const smallCase = dispatchCase.filter(({ map }) => gpuCount(map.placement.topology) <= 8);

const PARAMETERS = { seed: 7, numRuns: runs(120) };

/** `[experts]`: the batch's selections of each. */
function countSelections({ placement }: ReplicaMap, layer: number, batch: TokenBatch): Float64Array {
  const count = new Float64Array(placement.experts);
  for (let o = 0; o < batch.tokens * batch.topk; o++) {
    const expert = selection(batch, layer, o);
    if (expert >= 0) count[expert]++;
  }
  return count;
}

/** The GPUs that hold an expert, one bit each. */
function holders({ placement, replicas }: ReplicaMap, layer: number, expert: number): number {
  const row = layer * placement.experts + expert;
  return replicas.slots
    .subarray(replicas.offsets[row], replicas.offsets[row + 1])
    .reduce((bits, slot) => bits | (1 << gpuOfSlot(placement.topology, slot)), 0);
}

/**
 * The least maximum of activated experts per GPU (Hall's theorem): the experts that no GPU outside a set holds need it,
 * and the set that they need most is met, rounded up.
 */
function leastActivated(map: ReplicaMap, layer: number, count: Float64Array): number {
  const gpus = gpuCount(map.placement.topology);
  const selected = [...count.keys()].filter((expert) => count[expert] > 0);
  const held = selected.map((expert) => holders(map, layer, expert));
  let least = 0;
  for (let set = 1; set < 1 << gpus; set++) {
    const confined = held.filter((bits) => (bits & ~set) === 0).length;
    let size = 0;
    for (let gpu = 0; gpu < gpus; gpu++) size += (set >> gpu) & 1;
    least = Math.max(least, Math.ceil(confined / size));
  }
  return least;
}

/** `[gpus]`: slots among the given ones. */
function perGpu({ placement }: ReplicaMap, slots: Iterable<number>): Int32Array {
  const active = new Int32Array(gpuCount(placement.topology));
  for (const slot of slots) active[gpuOfSlot(placement.topology, slot)]++;
  return active;
}

it("no choice of replicas activates fewer experts on the worst GPU", () => {
  fc.assert(
    fc.property(smallCase, ({ map, batch }) => {
      const chooser = replicaChooser("activation", map, 0);
      for (let layer = 0; layer < LAYERS; layer++) {
        const activated = new Set(chosenSlots(chooser, layer, batch).filter((slot) => slot >= 0));
        const least = leastActivated(map, layer, countSelections(map, layer, batch));
        expect(Math.max(...perGpu(map, activated))).toBe(least);
      }
    }),
    PARAMETERS,
  );
});

it("tokens go to open replicas only", () => {
  fc.assert(
    fc.property(dispatchCase, ({ map, batch }) => {
      const chooser = replicaChooser("activation", map, 0);
      const replicas = new OpenReplicas(map.placement, map.replicas);
      for (let layer = 0; layer < LAYERS; layer++) {
        replicas.choose(layer, countSelections(map, layer, batch));
        for (const slot of chosenSlots(chooser, layer, batch)) {
          if (slot >= 0) assert.equal(replicas.open[slot], 1);
        }
      }
    }),
    PARAMETERS,
  );
});

it("every expert of the batch has an open replica; further ones are open wherever they do not raise the maximum", () => {
  fc.assert(
    fc.property(smallCase, ({ map, batch }) => {
      const { experts, topology, physicalToLogical } = map.placement;
      const width = slotCount(topology);
      const replicas = new OpenReplicas(map.placement, map.replicas);
      for (let layer = 0; layer < LAYERS; layer++) {
        const count = countSelections(map, layer, batch);
        replicas.choose(layer, count);
        const open = [...replicas.open.keys()].filter((slot) => replicas.open[slot] === 1);
        const expertOf = (slot: number) => physicalToLogical[layer * width + slot];
        const opened = new Set(open.map(expertOf));
        for (let expert = 0; expert < experts; expert++) assert.equal(opened.has(expert), count[expert] > 0);

        const least = leastActivated(map, layer, count);
        const active = perGpu(map, open);
        expect(Math.max(...active)).toBe(least);
        for (let slot = 0; slot < width; slot++) {
          if (replicas.open[slot] === 1 || count[expertOf(slot)] === 0) continue;
          assert.equal(active[gpuOfSlot(topology, slot)], least);
        }
      }
    }),
    PARAMETERS,
  );
});
