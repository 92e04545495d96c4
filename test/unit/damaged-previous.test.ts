import { describe, expect, it } from "vitest";
import { solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { readHeldExperts, readPlacementFile, writePlacementFile } from "../../src/formats/placement-file.ts";
import { type Placement, placementFault } from "../../src/model/placement.ts";
import { problemOf, skewedLoad } from "../placement-problem.ts";

const TOPOLOGY = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 4 };
const EXPERTS = 8;
const load = skewedLoad(2, 1, EXPERTS);

function previousOf(...slots: readonly number[]): Placement {
  return { layers: 1, experts: EXPERTS, topology: TOPOLOGY, physicalToLogical: Int32Array.from(slots) };
}

const CASES: readonly [string, Placement, necessary: number][] = [
  ["two replicas on one GPU", previousOf(0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 7), 0],
  ["empty slots", previousOf(0, 1, 2, -1, 3, -1, 4, 5, -1, -1, 6, 7), 0],
  ["a dead rank", previousOf(0, 1, 2, 3, -1, -1, -1, -1, 4, 5, 6, 7), 0],
  ["experts that are missing", previousOf(0, 1, 2, 3, 0, 1, 2, 3, 4, -1, -1, -1), 3],
  ["a dead rank and experts that are missing", previousOf(0, 1, 2, 3, -1, -1, -1, -1, 0, 1, 4, 5), 2],
  ["nothing at all", previousOf(...Array<number>(12).fill(-1)), 8],
];

describe("a placement in force with", () => {
  it.each(CASES)("%s is made whole by the moves it takes", (_, previous, expected) => {
    const { placement, moves, necessary } = solvePlacement(
      problemOf(load, TOPOLOGY, { previous, maxMoves: 0 }),
    );
    expect(placementFault(placement)).toBeNull();
    expect({ moves: moves.slots, necessary }).toEqual({ moves: expected, necessary: expected });
  });

  it.each(CASES)(
    "%s is balanced where moves allow it, with no expert twice on a GPU that has gained",
    (_, previous) => {
      const { placement, certificate } = solvePlacement(
        problemOf(load, TOPOLOGY, { previous, maxMoves: 100 }),
      );
      expect(placementFault(placement)).toBeNull();
      expect(placement.physicalToLogical).not.toContain(-1);
      const afresh = solvePlacement(problemOf(load, TOPOLOGY)).certificate;
      expect(certificate.balancedness).toBeGreaterThan(0.93 * afresh.balancedness);
    },
  );

  it("two replicas on one GPU gives up the second first", () => {
    // Expert 2 is missing; the second replica of 0 carries half of the heaviest load, and is worth nothing.
    const previous = previousOf(0, 0, 1, 3, 4, 5, 6, 7, 4, 5, 6, 7);
    const tokens = Float64Array.of(100, 9, 9, 9, 2, 2, 2, 2);
    const { placement } = solvePlacement(problemOf({ ...load, tokens }, TOPOLOGY, { previous, maxMoves: 0 }));
    const row = [...(placement.physicalToLogical as Int32Array)];
    expect(row.slice(0, 4).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    expect(row.slice(4)).toEqual([4, 5, 6, 7, 4, 5, 6, 7]);
  });
});

it("the experts of a file are read though some are missing, and its shares are of another placement", () => {
  const placement = previousOf(0, 1, 2, 3, -1, -1, -1, -1, 4, 5, 6, -1);
  const shares = new Float64Array(12).fill(1);
  const moves = { slots: 0, bytes: null };
  const file = { modelName: null, placement, layers: [4], shares, moves, certificate: null, elapsedMs: 0 };
  const bytes = new TextEncoder().encode(writePlacementFile(file));
  expect(readHeldExperts(bytes, "old.json")).toEqual({ placement, layers: [4] });
  expect(() => readPlacementFile(bytes, "old.json")).toThrow(
    "old.json: physical_to_logical_map layer 0 has no slot for expert 7",
  );
});
