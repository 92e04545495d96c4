import { describe, expect, test } from "vitest";
import { gpuCosts } from "../../src/control/lead/gpu-costs.ts";

const of = (gpus: number, rows: readonly (readonly number[])[], serving = [...rows[0].keys()]) =>
  gpuCosts(Float64Array.from(rows.flat()), gpus, serving);

describe("what GPUs cost a step", () => {
  test("GPUs that are level over all layers may each hold one up", () => {
    const { peaks, holds, layerBalancedness } = of(2, [
      [3, 1],
      [1, 3],
    ]);
    expect(layerBalancedness).toEqual([0.667, 0.667]);
    expect(peaks).toEqual([
      { layer: 0, timesMean: 1.5 },
      { layer: 1, timesMean: 1.5 },
    ]);
    // Σ max / Σ mean = 6 / 4: half of an even step, a quarter by each.
    expect(holds).toEqual([0.25, 0.25]);
  });

  test("together they hold it up by as much as balancedness falls short", () => {
    const rows = [
      [5, 2, 2, 3],
      [0, 8, 0, 4],
      [1, 1, 1, 1],
    ];
    const { holds } = of(4, rows);
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const factor = (sum(rows.map((row) => Math.max(...row))) * 4) / sum(rows.flat());
    expect(sum(holds)).toBeCloseTo(factor - 1, 3);
    expect(holds[3]).toBe(0);
  });

  test("a GPU that is out of service has no part in the mean", () => {
    const { peaks, holds } = of(3, [[2, 2, 0]], [0, 1]);
    expect(peaks.map(({ timesMean }) => timesMean)).toEqual([1, 1, 0]);
    expect(holds).toEqual([0, 0, 0]);
  });

  test("where nothing was forwarded, nothing is held up", () => {
    expect(of(2, [[0, 0]])).toEqual({
      layerBalancedness: [null],
      peaks: [
        { layer: 0, timesMean: 0 },
        { layer: 0, timesMean: 0 },
      ],
      holds: [0, 0],
    });
  });
});
