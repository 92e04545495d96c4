import { expect, test } from "vitest";
import { heapSlope } from "../../loadtest/heap-slope.ts";

test("growth is told from what comes and goes", () => {
  const points = (grows: number) =>
    Array.from({ length: 20 }, (_, i) => ({
      at: i / 2,
      bytes: 1000 + (grows * i) / 2 + (i % 2 === 0 ? 30 : -30),
    }));
  expect(Math.abs(heapSlope(points(0)))).toBeLessThan(1);
  expect(Math.abs(heapSlope(points(100)) - 100)).toBeLessThan(1);
  expect(heapSlope(points(1).slice(0, 1))).toBe(0);
  expect(heapSlope([])).toBe(0);
});
