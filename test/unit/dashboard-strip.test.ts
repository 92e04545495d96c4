import { describe, expect, test } from "vitest";
import { SHADES } from "../../src/dashboard/experts/colour-scale.ts";
import type { HeldRow } from "../../src/dashboard/history/gpu-history-row.ts";
import { cellOfPoint, stripHeight } from "../../src/dashboard/history/strip-geometry.ts";
import { gpuOfCell, shadeOfHeld, stripCells } from "../../src/dashboard/history/strip-cells.ts";

const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 1 };
const row = (at: number, differences: Partial<HeldRow> = {}): HeldRow => ({
  at: at * 1000,
  seconds: 10,
  measuredMs: 10_000,
  held: [0, 0.1, 0, 0.3],
  lost: [],
  drained: [],
  ...differences,
});
const span = { from: 103_000, to: 143_000 };

describe("GPUs over time", () => {
  test("have a row each and a column for each step; nothing is known where there is no row", () => {
    const cells = stripCells(
      topology,
      [row(100), row(130, { lost: [0], drained: [2], held: null })],
      span,
      10,
    );
    expect([cells.rows, cells.columns, cells.from]).toEqual([4, 5, 100_000]);
    expect(cells.known.map((one) => one?.at ?? null)).toEqual([100_000, null, null, 130_000, null]);
    expect([cells.held[0], cells.held[3]]).toEqual([
      [0, 0.1, 0, 0.3],
      [0, 0, 0, 0],
    ]);
    expect(cells.gone[3]).toEqual([1, 0, 1, 0]);
  });

  test("a row that is longer than a column fills several", () => {
    const cells = stripCells(topology, [row(60, { seconds: 60 }), row(120)], span, 10);
    expect(cells.known.map((one) => one?.at ?? null)).toEqual([60_000, 60_000, 120_000, null, null]);
  });

  test("a window that is longer than a row fills what lies in it", () => {
    const quiet = [110, 120].map((at) => row(at, { held: null, measuredMs: 0 }));
    const cells = stripCells(topology, [row(100), ...quiet, row(130, { measuredMs: 30_000 })], span, 10);
    expect(cells.known.map((one) => one?.at ?? null)).toEqual([100_000, 130_000, 130_000, 130_000, null]);
  });

  test("of many GPUs have a row for each node, which has what its GPUs have together", () => {
    const large = { nodes: 9, gpusPerNode: 8, slotsPerGpu: 1 };
    const held = Array.from({ length: 72 }, (_, gpu) => (gpu === 13 ? 0.2 : gpu === 9 ? 0.1 : 0));
    const cells = stripCells(large, [row(100, { held, lost: [70, 71] })], span, 10);
    expect(cells.rows).toBe(9);
    expect(cells.held[0][1]).toBeCloseTo(0.3, 9);
    expect(cells.gone[0]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 2]);
    expect([gpuOfCell(cells, 1, 0), gpuOfCell(cells, 2, 0), gpuOfCell(cells, 2, 3)]).toEqual([13, 16, 16]);
  });

  test("a point on it is a moment and a row, and none beside the cells", () => {
    const cells = stripCells(topology, [], span, 10);
    const marks = { ...span, at: null, gpu: null };
    const at = (x: number, y: number) => cellOfPoint(cells, marks, 454, x, y);
    expect(at(40, 18)).toEqual({ row: 0, column: 0 });
    expect(at(40 + 399, stripHeight(4) - 19)).toEqual({ row: 3, column: 4 });
    expect([at(39, 20), at(441, 20), at(100, 17), at(100, stripHeight(4) - 17)]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  test("are shaded by what a step takes longer, the same at any time", () => {
    expect([0, 0.5, 3].map(shadeOfHeld)).toEqual([0, SHADES - 1, SHADES - 1]);
    expect(shadeOfHeld(0.1)).toBeGreaterThan(2 * shadeOfHeld(0.01));
  });
});
