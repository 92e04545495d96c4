import { expect, test } from "vitest";
import { expertTicks, layerTicks } from "../../src/dashboard/experts/ticks.ts";

function numbers(from: number, to: number, by = 1): number[] {
  return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);
}

test("layers have their number in the model, at the row they are in", () => {
  expect(layerTicks(numbers(3, 60))).toEqual([
    { at: 0, number: 3 },
    ...numbers(10, 60, 10).map((number) => ({ at: number - 3, number })),
  ]);
  expect(layerTicks(numbers(1, 47, 2)).map(({ at, number }) => [at, number])).toEqual([
    [0, 1],
    [5, 11],
    [10, 21],
    [15, 31],
    [20, 41],
  ]);
});

test("numbers do not stand upon each other", () => {
  expect(layerTicks([8, 9, 10, 11, 12]).map(({ number }) => number)).toEqual([10]);
  const odd = layerTicks([1, 3, 6, 8, 10, 13, 15, 17, 20, 22, 24, 27, 29, 31, 34, 36, 38, 40]);
  expect(odd.map(({ number }) => number)).toEqual([1, 10, 20, 31, 40]);
});

test.each([
  [8, 1],
  [32, 4],
  [128, 16],
  [256, 32],
  [512, 64],
])("of %i experts every %i has its number", (experts, every) => {
  const ticks = expertTicks(experts);
  expect(ticks.length).toBeLessThanOrEqual(10);
  expect(ticks.map(({ at }) => at)).toEqual(numbers(0, experts - 1, every));
});
