import { describe, expect, it } from "vitest";
import { layerBounds } from "../../src/core/placement/bounds.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import type { PoolCapacity } from "../../src/model/pool-capacity.ts";

/** Every way to fill the usable slots with all experts, the order of a GPU's slots aside; one row of slots each. */
function allPlacements({ slots }: PoolCapacity, experts: number, slotsPerGpu: number): number[][] {
  const rows: number[][] = [];
  const row: number[] = [];
  const fill = () => {
    if (row.length === slots.length * slotsPerGpu) {
      if (new Set(row.filter((expert) => expert >= 0)).size === experts) rows.push([...row]);
      return;
    }
    const slot = row.length % slotsPerGpu;
    if (slot >= slots[Math.floor(row.length / slotsPerGpu)]) {
      row.push(-1);
      fill();
      row.pop();
      return;
    }
    for (let expert = slot === 0 ? 0 : row[row.length - 1]; expert < experts; expert++) {
      row.push(expert);
      fill();
      row.pop();
    }
  };
  fill();
  return rows;
}

/** The least maximum of GPU load / speed over all placements and all splits. */
function leastMaximum(load: readonly number[], capacity: PoolCapacity): number {
  const slotsPerGpu = Math.max(...capacity.slots);
  const rows = allPlacements(capacity, load.length, slotsPerGpu);
  const placement = {
    layers: rows.length,
    experts: load.length,
    topology: { nodes: 1, gpusPerNode: capacity.slots.length, slotsPerGpu },
    physicalToLogical: Int32Array.from(rows.flat()),
  };
  const tokens = Float64Array.from(rows.flatMap(() => load));
  const same = { layers: rows.length, experts: load.length, tokens };
  return Math.min(...solveShares(placement, indexReplicas(placement), same, capacity.speeds).optimum);
}

const boundOf = (load: readonly number[], capacity: PoolCapacity) =>
  layerBounds({ layers: 1, experts: load.length, tokens: Float64Array.from(load) }, capacity)[0];

const pool = (slots: readonly number[], speeds: readonly number[] = slots.map(() => 1)): PoolCapacity => ({
  slots: Int32Array.from(slots),
  speeds: Float64Array.from(speeds),
});

describe("the bound of a layer, against all placements", () => {
  it("is never above the true optimum", () => {
    const met = new Map<string, number>();
    for (let seed = 0; seed < 250; seed++) {
      const rng = new Rng(seed);
      const slots = Array.from({ length: 2 + rng.below(3) }, () => rng.below(4));
      slots[0] = Math.max(1, slots[0]);
      const usable = slots.reduce((a, b) => a + b, 0);
      if (usable > 7) continue;
      const capacity = pool(
        slots,
        slots.map(() => (seed % 2 === 0 ? 1 : 0.5 + rng.uniform())),
      );
      const load = Array.from({ length: Math.max(1, usable - rng.below(3)) }, () =>
        Math.exp(1.5 * rng.normal()),
      );
      const bound = boundOf(load, capacity);
      const least = leastMaximum(load, capacity);
      expect(bound.value, `seed ${seed}, ${bound.kind}`).toBeLessThanOrEqual(least * (1 + 1e-9));
      if (bound.value > least * (1 - 1e-9)) met.set(bound.kind, (met.get(bound.kind) ?? 0) + 1);
    }
    // The cases are not all slack: each kind is the true optimum in some.
    expect([...met.keys()].toSorted()).toEqual(["crowding", "filling", "mean", "reach"]);
  });

  it.each([
    { kind: "mean", load: [5, 4, 3, 6], capacity: pool([2, 2, 2]) },
    { kind: "mean", load: [8, 8, 8], capacity: pool([2, 2, 2, 0], [1, 1, 2, 5]) },
    { kind: "reach", load: [40, 3, 2], capacity: pool([1, 1, 2]) },
    { kind: "reach", load: [20, 20, 1, 1], capacity: pool([1, 1, 1, 1, 2]) },
    { kind: "reach", load: [12, 1], capacity: pool([1, 1], [2, 1]) },
    { kind: "crowding", load: [4, 4, 4, 4, 4], capacity: pool([2, 2, 2]) },
    { kind: "filling", load: [9, 4, 4, 4, 3, 2], capacity: pool([2, 2, 2]) },
  ])("is the true optimum: $kind of $load", ({ kind, load, capacity }) => {
    const bound = boundOf(load, capacity);
    expect(bound.kind).toBe(kind);
    expect(bound.value).toBeCloseTo(leastMaximum(load, capacity), 9);
  });
});
