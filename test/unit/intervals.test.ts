import { describe, expect, it, test } from "vitest";
import { batchEstimate } from "../../src/lib/batch-estimate.ts";
import { type Unit, differenceInterval, intervalOf, ratioEstimate } from "../../src/lib/ratio-interval.ts";
import { Rng } from "../../src/lib/rng.ts";
import { tQuantile } from "../../src/lib/student-t.ts";

// Tables of Student's t, e.g. NIST's Engineering Statistics Handbook, 1.3.6.7.2.
test.each([
  [0.975, 1, 12.706],
  [0.975, 4, 2.776],
  [0.975, 30, 2.042],
  [0.95, 10, 1.812],
  [0.025, 60, -2],
])("a part of %d of Student's t with %d degrees of freedom is below %d", (part, freedom, value) => {
  expect(tQuantile(part, freedom)).toBeCloseTo(value, 3);
});

/** The part of tries whose interval has what is true. */
function covered(tries: number, seed: number, hits: (rng: Rng) => boolean): number {
  let count = 0;
  for (let i = 0; i < tries; i++) if (hits(new Rng(seed, i))) count++;
  return count / tries;
}

/** Units whose requests are alike: of several sizes, each with a level of its own. */
function units(rng: Rng, count: number, mean: number): Unit[] {
  return Array.from({ length: count }, () => {
    const requests = 1 + rng.below(20);
    const level = mean + 3 * rng.normal();
    let sum = 0;
    for (let i = 0; i < requests; i++) sum += level + rng.normal();
    return { sum, count: requests };
  });
}

const has = (interval: { low: number; high: number } | null, value: number) =>
  interval !== null && interval.low <= value && value <= interval.high;

describe("an interval of 95 %", () => {
  it("has the mean of units whose requests are alike in about so many tries, and the difference of two arms", () => {
    const mean = covered(600, 1, (rng) =>
      has(intervalOf(ratioEstimate(units(rng, 30, 20)) ?? expect.fail()), 20),
    );
    expect(mean).toBeGreaterThan(0.91);
    expect(mean).toBeLessThan(0.985);
    const difference = covered(600, 2, (rng) => {
      const [a, b] = [units(rng, 40, 22), units(rng, 12, 20)].map(ratioEstimate);
      return a !== null && b !== null && has(differenceInterval(a, b), 2);
    });
    expect(difference).toBeGreaterThan(0.9);
    expect(difference).toBeLessThan(0.985);
  });

  it("would have it far less often by single requests: they are not independent", () => {
    const naive = covered(300, 3, (rng) => {
      const singles = units(rng, 30, 20).flatMap(({ sum, count }) =>
        Array.from({ length: count }, () => ({ sum: sum / count, count: 1 })),
      );
      return has(intervalOf(ratioEstimate(singles) ?? expect.fail()), 20);
    });
    expect(naive).toBeLessThan(0.75);
  });

  it("has the mean of batches of which each is like the one before", () => {
    const batches = (rng: Rng) => {
      const values: number[] = [];
      let at = rng.normal() / Math.sqrt(1 - 0.36);
      for (let i = 0; i < 100; i++) {
        values.push(5 + at);
        at = 0.6 * at + rng.normal();
      }
      return values;
    };
    expect(
      covered(400, 4, (rng) => has(intervalOf(batchEstimate(batches(rng)) ?? expect.fail()), 5)),
    ).toBeGreaterThan(0.88);
    const asIndependent = (rng: Rng) => ratioEstimate(batches(rng).map((sum) => ({ sum, count: 1 })));
    expect(covered(400, 4, (rng) => has(intervalOf(asIndependent(rng) ?? expect.fail()), 5))).toBeLessThan(
      0.8,
    );
  });

  it("is not known of one unit, and nothing is of none", () => {
    expect(ratioEstimate([])).toBeNull();
    expect(ratioEstimate([{ sum: 0, count: 0 }])).toBeNull();
    const one = ratioEstimate([{ sum: 6, count: 3 }]) ?? expect.fail();
    expect(one).toEqual({ mean: 2, error: null, units: 1, count: 3 });
    expect(intervalOf(one)).toBeNull();
    expect(differenceInterval(one, one)).toBeNull();
  });
});
