import fc from "fast-check";
import { expect, test } from "vitest";
import { Distribution } from "../../src/replay/distribution.ts";

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
      for (const p of [50, 90, 95, 99] as const)
        near(summary?.[`p${p}`], sorted[Math.ceil((p * sorted.length) / 100) - 1]);
      near(summary?.mean, times.reduce((sum, us) => sum + us, 0) / times.length);
    }),
    { seed: 20, numRuns: 100 },
  );
});

test("what took no time counts as a microsecond", () => {
  const distribution = new Distribution();
  expect(distribution.summary()).toBeNull();
  distribution.record(0);
  expect(distribution.summary()).toEqual({ mean: 0.001, p50: 0.001, p90: 0.001, p95: 0.001, p99: 0.001 });
});
