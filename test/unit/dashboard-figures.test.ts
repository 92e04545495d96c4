import { expect, test } from "vitest";
import { hopsOf, fullest, latest, loadAxisEnd, tokenMean } from "../../src/dashboard/figures/averages.ts";
import { bytes, fixed, NONE, percent, short } from "../../src/dashboard/format.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import { poolReport } from "./pool-report-fixture.ts";

test("a mean over seconds weighs each by its tokens and passes over idle ones", () => {
  const samples = [sample(1000, 30, 0.9), sample(2000, 10, 0.5), sample(3000, 0, null)];
  expect(tokenMean(samples, "balancedness")).toBeCloseTo(0.8, 12);
  expect(tokenMean([sample(1000, 0, null)], "balancedness")).toBeNull();
});

test("the latest samples are those of the last ten seconds", () => {
  const samples = Array.from({ length: 30 }, (_, i) => sample(i * 1000, 1, 1));
  expect(latest(samples).map((s) => s.atMs)).toEqual(Array.from({ length: 10 }, (_, i) => (20 + i) * 1000));
  expect(latest([])).toEqual([]);
});

test("the fullest is the first of the largest", () => {
  expect(fullest([1, 3, 3, 2])).toBe(1);
  expect(fullest([])).toBe(-1);
});

test("the load axis ends at or above the fullest GPU", () => {
  expect(loadAxisEnd([0.9, 1.1])).toBe(1.5);
  expect(loadAxisEnd([0.5, 1.6])).toBe(2);
  expect(loadAxisEnd([0, 64])).toBe(64);
});

test("figures are written short", () => {
  expect(short(0.1234)).toBe("0.123");
  expect(short(71.84)).toBe("71.8");
  expect(short(12345.6)).toBe("12,346");
  expect(fixed(null, 2)).toBe(NONE);
  expect(percent(0.456)).toBe("46 %");
  expect(bytes(0)).toBe("0");
  expect(bytes(999)).toBe("999 B");
  expect(bytes(44_050_688 * 3)).toBe("132 MB");
});

function sample(atMs: number, tokensPerSecond: number, balancedness: number | null): PoolReport {
  return poolReport({ atMs, tokensPerSecond, balancedness });
}

test("hops are those between nodes, or between the GPUs of the only one", () => {
  expect(hopsOf({ nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 })).toMatchObject({
    figure: "nodeHopsPerToken",
    most: 3,
  });
  expect(hopsOf({ nodes: 1, gpusPerNode: 8, slotsPerGpu: 9 })).toMatchObject({
    figure: "hopsPerToken",
    most: 7,
  });
});
