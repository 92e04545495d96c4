import { expect, it } from "vitest";
import { eplb } from "../../src/core/placement/eplb.ts";

/** The example of deepseek-ai/EPLB's README: 2 layers of 12 experts in 4 groups, 16 slots, 2 nodes of 4 GPUs. */
const WEIGHT = [
  [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86],
  [20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27],
];

it("places DeepSeek's own example as DeepSeek's EPLB does", () => {
  const load = { layers: 2, experts: 12, tokens: Float64Array.from(WEIGHT.flat()) };
  const topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 2 };
  const placed = [
    [5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1],
    [7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1],
  ];
  expect(eplb(load, topology, 4).physicalToLogical).toEqual(Int32Array.from(placed.flat()));
});
