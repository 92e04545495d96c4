import fc from "fast-check";
import { expect, test } from "vitest";
import { Distribution } from "../../src/replay/measures/distribution.ts";
import { runs } from "../runs.ts";

/** Microseconds, of every size. */
const latencies = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 10_000_000_000 })),
  { minLength: 1, maxLength: 300 },
);

test("percentiles are those of the latencies, by nearest rank, and so is the mean; to three digits", () => {
  fc.assert(
    fc.property(latencies, (times) => {
      const distribution = new Distribution();
      for (const us of times) distribution.record(us / 1000);
      const summary = distribution.summary();
      const sorted = times.toSorted((a, b) => a - b);
      const near = (ms: number | undefined, us: number) =>
        expect(Math.abs(((ms ?? Infinity) * 1000) / us - 1)).toBeLessThan(0.001);
      for (const p of [50, 75, 90, 95, 99, 99.9] as const)
        near(summary?.[`p${p}`], sorted[Math.ceil((p * sorted.length) / 100) - 1]);
      const mean = times.reduce((sum, us) => sum + us, 0) / times.length;
      near(summary?.mean, mean);
      const deviation = Math.sqrt(times.reduce((sum, us) => sum + (us - mean) ** 2, 0) / times.length);
      expect(Math.abs((summary?.std ?? Infinity) * 1000 - deviation)).toBeLessThan(1e-6 * mean);
      expect(summary?.min).toBe(sorted[0] / 1000);
      expect(summary?.max).toBe(sorted[sorted.length - 1] / 1000);
      expect(summary?.count).toBe(times.length);
    }),
    { seed: 20, numRuns: runs(40) },
  );
});

test("what took no time counts as a microsecond", () => {
  const distribution = new Distribution();
  expect(distribution.summary()).toBeNull();
  distribution.record(0);
  expect(distribution.summary()).toEqual({
    count: 1,
    mean: 0.001,
    std: 0,
    min: 0.001,
    max: 0.001,
    p50: 0.001,
    p75: 0.001,
    p90: 0.001,
    p95: 0.001,
    p99: 0.001,
    "p99.9": 0.001,
  });
});

test("distributions that are put together are what one would be that had recorded all", () => {
  const values = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 4 }), (parts) => {
      const whole = new Distribution();
      const merged = new Distribution();
      for (const part of parts) {
        const own = new Distribution();
        for (const value of part) {
          own.record(value);
          whole.record(value);
        }
        merged.merge(own.state());
      }
      const [expected, got] = [whole.summary(), merged.summary()];
      if (expected === null || got === null) {
        expect(got).toBe(expected);
        return;
      }
      const { std, mean, ...exact } = expected;
      expect(got).toMatchObject(exact);
      expect(Math.abs(got.mean - mean)).toBeLessThanOrEqual(1e-9 * (1 + mean));
      expect(Math.abs(got.std - std)).toBeLessThanOrEqual(1e-6 * (1 + std));
    }),
    { seed: 20, numRuns: runs(80) },
  );
});
