import { expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import type { Placement } from "../../src/model/placement.ts";
import { countMoves } from "../../src/core/migration/moves.ts";
import { transferMs } from "../../src/core/migration/transfer-time.ts";

/** Two layers of four experts on four GPUs of two slots. */
function placement(...physicalToLogical: number[]): Placement {
  const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 2 };
  return { layers: 2, experts: 4, topology, physicalToLogical: Int32Array.from(physicalToLogical) };
}

const before = placement(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);

it("weights travel for as long as the GPU that lacks most takes to receive, over all layers", async () => {
  const model = await loadModel("deepseek-v3");
  const expertMs = 44.05e6 / 40e9 / 1e-3;
  const travel = (after: Placement) => transferMs(model, countMoves(model, before, after));
  expect(travel(before)).toBe(0);
  const swapped = placement(1, 0, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  expect(travel(swapped)).toBe(0);
  const threeToTheFirst = placement(2, 3, 2, 3, 0, 1, 0, 3, 2, 1, 2, 3, 0, 1, 2, 3);
  expect(travel(threeToTheFirst) / expertMs).toBeCloseTo(3, 3);
});
