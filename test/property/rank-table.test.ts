import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rankTable } from "../../src/core/tables/rank-table.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { staticTable } from "../../src/core/tables/static-table.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { RankTable } from "../../src/model/rank-table.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { mapCase } from "../map-case.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 21, numRuns: runs(120) };

function expectHeld(table: RankTable, { placement }: ReplicaMap): void {
  const { layers, experts, topology, physicalToLogical } = placement;
  expect(table.slots).toHaveLength(gpuCount(topology) * layers * experts);
  for (const [i, slot] of table.slots.entries()) {
    const layer = Math.floor(i / experts) % layers;
    if (physicalToLogical[layer * slotCount(topology) + slot] !== i % experts) {
      throw new Error(`entry ${i} is slot ${slot}, which holds another expert`);
    }
  }
}

/** `[layers][slots]`: how many of these ranks a table sends to each slot. */
function ranksPerSlot({ layers, experts, topology, slots }: RankTable, ranks: readonly number[]): Int32Array {
  const counts = new Int32Array(layers * slotCount(topology));
  for (const rank of ranks) {
    for (let row = 0; row < layers * experts; row++) {
      counts[Math.floor(row / experts) * slotCount(topology) + slots[rank * layers * experts + row]]++;
    }
  }
  return counts;
}

/** The most that any GPU of a layer serves beyond its shares, in ranks. */
function mostExcess({ placement, shares }: ReplicaMap, counts: ArrayLike<number>, ranks: number): number[] {
  const { layers, topology } = placement;
  const width = slotCount(topology);
  return Array.from({ length: layers }, (_, layer) => {
    const excess = new Float64Array(gpuCount(topology));
    for (let slot = 0; slot < width; slot++) {
      const at = layer * width + slot;
      excess[gpuOfSlot(topology, slot)] += counts[at] - ranks * shares.values[at];
    }
    return Math.max(...excess);
  });
}

/** Every expert by itself: its replicas' quotas rounded down, the largest remainders up. */
function largestRemainders({ placement, replicas, shares }: ReplicaMap, ranks: number): Int32Array {
  const { layers, experts, topology } = placement;
  const counts = new Int32Array(layers * slotCount(topology));
  for (let row = 0; row < layers * experts; row++) {
    const first = Math.floor(row / experts) * slotCount(topology);
    const parts = [...replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1])].map(
      (slot) => {
        const quota = ranks * shares.values[first + slot];
        const whole = Math.floor(quota + 1e-9);
        return { at: first + slot, whole, rest: quota - whole };
      },
    );
    const left = ranks - parts.reduce((sum, { whole }) => sum + whole, 0);
    for (const [i, { at, whole }] of parts.toSorted((a, b) => b.rest - a.rest).entries()) {
      counts[at] = whole + (i < left ? 1 : 0);
    }
  }
  return counts;
}

describe("a rank table", () => {
  it("names one slot that holds the expert, whatever the ranks send", () => {
    fc.assert(
      fc.property(mapCase, ({ map, seed }) => {
        const rng = new Rng(seed);
        const { layers, experts, topology } = map.placement;
        const tokens = Float64Array.from({ length: gpuCount(topology) * layers * experts }, () =>
          rng.below(3) === 0 ? 0 : Math.exp(2 * rng.normal()),
        );
        expectHeld(rankTable(map, tokens), map);
      }),
      PARAMETERS,
    );
  });

  it("gives every replica its share of equal ranks, rounded up or down", () => {
    fc.assert(
      fc.property(mapCase, ({ map, inService }) => {
        const counts = ranksPerSlot(rankTable(map), inService);
        for (const [at, share] of map.shares.values.entries()) {
          expect(Math.abs(counts[at] - inService.length * share)).toBeLessThan(1);
        }
      }),
      PARAMETERS,
    );
  });

  it("loads no GPU further beyond its shares than rounding every expert by itself does", () => {
    fc.assert(
      fc.property(mapCase, ({ map, inService }) => {
        const ranks = inService.length;
        const naive = mostExcess(map, largestRemainders(map, ranks), ranks);
        const ours = mostExcess(map, ranksPerSlot(rankTable(map), inService), ranks);
        for (const [layer, excess] of ours.entries()) expect(excess).toBeLessThanOrEqual(naive[layer] + 1e-6);
      }),
      PARAMETERS,
    );
  });
});

describe("SGLang's static table", () => {
  it("names one slot that holds the expert", () => {
    fc.assert(
      fc.property(mapCase, ({ map, seed }) => {
        expectHeld(staticTable(map.placement, map.replicas, new Rng(seed)), map);
      }),
      PARAMETERS,
    );
  });
});
