import fc from "fast-check";
import { expect, it } from "vitest";
import { blendWeights } from "../../src/core/load/blend-weights.ts";
import { Rng } from "../../src/lib/rng.ts";
import { runs } from "../runs.ts";

const VALUES = 40;

/** The Gram matrix of errors of some size each, more or less alike. */
const histories = fc
  .record({
    sizes: fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: 1, maxLength: 5 }),
    alike: fc.double({ min: 0, max: 0.99, noNaN: true }),
    seed: fc.nat(),
  })
  .map(({ sizes, alike, seed }) => {
    const rng = new Rng(seed);
    const common = Array.from({ length: VALUES }, () => rng.normal());
    const errors = sizes.map((size) =>
      common.map((value) => size * (alike * value + (1 - alike) * rng.normal())),
    );
    const count = errors.length;
    const gram = Float64Array.from({ length: count ** 2 }, (_, i) =>
      errors[i % count].reduce((sum, value, j) => sum + value * errors[Math.floor(i / count)][j], 0),
    );
    return { gram, count };
  });

function squaredError(gram: Float64Array, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < gram.length; i++) {
    sum += gram[i] * weights[i % weights.length] * weights[Math.floor(i / weights.length)];
  }
  return sum;
}

it("weights are parts of a whole, and their blend is no worse than the best forecast or the plain mean", () => {
  fc.assert(
    fc.property(histories, ({ gram, count }) => {
      const weights = blendWeights(gram, count);
      expect(weights.length).toBe(count);
      expect(Math.min(...weights)).toBeGreaterThanOrEqual(0);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
      const one = (chosen: number) => Float64Array.from(weights, (_, i) => (i === chosen ? 1 : 0));
      const singles = Array.from(weights, (_, i) => squaredError(gram, one(i)));
      const plain = squaredError(
        gram,
        weights.map(() => 1 / count),
      );
      expect(squaredError(gram, weights)).toBeLessThanOrEqual((1 + 1e-9) * Math.min(plain, ...singles));
    }),
    { seed: 12, numRuns: runs(120) },
  );
});

it("without a history all weigh the same", () => {
  expect(blendWeights(new Float64Array(9), 3)).toEqual(new Float64Array(3).fill(1 / 3));
});
