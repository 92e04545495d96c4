import { describe, expect, it } from "vitest";
import { layerBounds } from "../../src/core/placement/bounds.ts";
import { certify } from "../../src/core/placement/certificate.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { packBalanced } from "../../src/core/placement/pack-balanced.ts";
import { replicate } from "../../src/core/placement/replicate.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";

const load = (experts: number, ...tokens: readonly number[]) => ({
  layers: tokens.length / experts,
  experts,
  tokens: Float64Array.from(tokens),
});

describe("packing", () => {
  it("gives the next heaviest item to the lightest pack that has room", () => {
    expect([...packBalanced(Float64Array.of(1, 9, 5, 4, 3, 2), 2)]).toEqual([1, 4, 0, 2, 3, 5]);
  });

  it("breaks ties in the order of items and packs", () => {
    expect([...packBalanced(Float64Array.of(1, 1, 1, 1), 2)]).toEqual([0, 2, 1, 3]);
  });

  it("leaves single items where they are", () => {
    expect([...packBalanced(Float64Array.of(1, 3, 2), 3)]).toEqual([0, 1, 2]);
  });
});

describe("replicating", () => {
  it("gives each redundant slot to the expert whose replicas carry most", () => {
    const { replicaOf, counts } = replicate(Float64Array.of(10, 1, 6), 6);
    expect([...replicaOf]).toEqual([0, 1, 2, 0, 2, 0]);
    expect([...counts]).toEqual([3, 1, 2]);
  });

  it("breaks ties by the earlier expert", () => {
    expect([...replicate(Float64Array.of(2, 2), 4).replicaOf]).toEqual([0, 1, 0, 1]);
  });
});

describe("EPLB", () => {
  const skewed = load(8, 8, 1, 1, 1, 1, 1, 1, 1);

  it("keeps the groups of a node together where the nodes divide them, and nowhere else", () => {
    const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 3 };
    const groupsOfNodes = (groups: number) =>
      [0, 1].map((node) => {
        const slots = eplb(skewed, topology, groups).physicalToLogical as Int32Array;
        return new Set([...slots.subarray(node * 6, node * 6 + 6)].map((expert) => Math.floor(expert / 4)))
          .size;
      });
    expect(groupsOfNodes(2)).toEqual([1, 1]);
    expect(groupsOfNodes(1)).toEqual([2, 2]);
  });

  it("refuses slots that cannot hold the experts and groups that do not divide them", () => {
    expect(() => eplb(skewed, { nodes: 1, gpusPerNode: 7, slotsPerGpu: 1 }, 1)).toThrow(RangeError);
    expect(() => eplb(skewed, { nodes: 1, gpusPerNode: 8, slotsPerGpu: 1 }, 3)).toThrow(RangeError);
  });
});

describe("the contiguous placement", () => {
  it("holds the experts in order", () => {
    const { physicalToLogical } = contiguousPlacement(2, 4, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 });
    expect([...(physicalToLogical as Int32Array)]).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it("begins again in redundant slots", () => {
    const { physicalToLogical } = contiguousPlacement(2, 4, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 });
    expect([...(physicalToLogical as Int32Array)]).toEqual([0, 1, 2, 3, 0, 1, 0, 1, 2, 3, 0, 1]);
  });

  it("refuses slots that cannot hold the experts", () => {
    expect(() => contiguousPlacement(1, 5, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 })).toThrow(RangeError);
  });
});

describe("the bound of a layer", () => {
  const capacity = fullCapacity({ nodes: 1, gpusPerNode: 4, slotsPerGpu: 2 });

  it("is what binds most", () => {
    expect(layerBounds(load(7, 4, 4, 4, 4, 4, 4, 4, 40, 1, 1, 1, 1, 1, 1), capacity)).toEqual([
      // One redundant slot: of seven equal experts six have one copy only, two of which share a GPU.
      { value: 8, kind: "crowding" },
      { value: 20, kind: "reach" },
    ]);
    expect(layerBounds(load(4, 5, 4, 3, 8), capacity)).toEqual([{ value: 5, kind: "mean" }]);
  });

  it("counts who fills the GPU of the heaviest expert where no slot is redundant", () => {
    expect(layerBounds(load(8, 9, 4, 4, 4, 4, 4, 3, 2), capacity)).toEqual([{ value: 11, kind: "filling" }]);
  });

  it("lets two hot experts and one redundant slot reach three GPUs", () => {
    expect(layerBounds(load(7, 30, 30, 1, 1, 1, 1, 1), capacity)).toEqual([{ value: 20, kind: "reach" }]);
  });

  it("counts GPUs by speed, and not those out of service", () => {
    const slots = Int32Array.of(2, 2, 2, 0);
    const speeds = Float64Array.of(1, 1, 2, 5);
    expect(layerBounds(load(3, 8, 8, 8), { slots, speeds })).toEqual([{ value: 6, kind: "mean" }]);
  });

  it("spreads no expert over more GPUs than there are", () => {
    const [bound] = layerBounds(load(2, 100, 0), capacity);
    expect(bound).toEqual({ value: 25, kind: "mean" });
  });
});

describe("the certificate", () => {
  const capacity = fullCapacity({ nodes: 1, gpusPerNode: 2, slotsPerGpu: 1 });

  it("holds every layer's maximum against its bound", () => {
    expect(certify(load(2, 3, 1, 2, 2), capacity, [3, 1, 2, 2])).toEqual({
      dispatch: "shares",
      balancedness: 0.8,
      bound: 0.8,
      gap: 0,
      layers: [
        { max: 3, mean: 2, bound: 3, kind: "reach", gap: 0 },
        { max: 2, mean: 2, bound: 2, kind: "mean", gap: 0 },
      ],
    });
    expect(certify(load(2, 2, 2), capacity, [1, 3]).gap).toBeCloseTo(1 / 3, 12);
  });

  it("is perfect where there is nothing to do", () => {
    expect(certify(load(2, 0, 0), capacity, [0, 0])).toMatchObject({ balancedness: 1, bound: 1, gap: 0 });
  });
});
