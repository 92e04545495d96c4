import { expect, test } from "vitest";
import { BUCKETS, countInto, percentileIn, sumOfBoth } from "../../src/lib/log-histogram.ts";
import { Rng } from "../../src/lib/rng.ts";

function counted(values: readonly number[]): number[] {
  const counts: number[] = [];
  for (const value of values) countInto(counts, value);
  return counts;
}

test("percentiles are within the width of a bucket of the true ones", () => {
  const rng = new Rng(1);
  const values = Array.from({ length: 5000 }, () => 0.2 * 10 ** (5 * rng.uniform())).toSorted(
    (a, b) => a - b,
  );
  const counts = counted(values);
  for (const percent of [1, 50, 95, 99, 100]) {
    const exact = values[Math.ceil((percent / 100) * values.length) - 1];
    const found = percentileIn(counts, percent) as number;
    expect([percent, found / exact < 1.26, found / exact > 1 / 1.26]).toEqual([percent, true, true]);
  }
});

test("what is too small or too large has a bucket, too", () => {
  expect(percentileIn(counted([0, -1, 0.1]), 99)).toBe(0.1);
  expect(percentileIn(counted([1e7, Number.POSITIVE_INFINITY]), 50)).toBeCloseTo(1e6, 3);
  expect(counted([1e30]).length).toBe(BUCKETS);
  expect(percentileIn([], 50)).toBeNull();
  expect(percentileIn([0, 0], 50)).toBeNull();
});

test("histograms of two parts add up to that of all", () => {
  const [a, b] = [
    [1, 5, 900],
    [0.2, 70],
  ];
  expect(sumOfBoth(counted(a), counted(b))).toEqual(counted([...a, ...b]));
  expect(sumOfBoth(counted(b), counted(a))).toEqual(counted([...a, ...b]));
});
