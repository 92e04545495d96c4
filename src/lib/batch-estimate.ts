import { type Estimate, ratioEstimate } from "./ratio-interval.ts";

/** Of how far one batch may go on in the next, at most. */
const MOST_ALIKE = 0.9;

/**
 * The mean of what was measured in batches of time, in their order. Where a batch is like the one before it, there are
 * as many fewer of them: (1 + r) / (1 − r) for a correlation r above 0 (of a first-order process).
 */
export function batchEstimate(batches: readonly number[]): Estimate | null {
  const estimate = ratioEstimate(batches.map((sum) => ({ sum, count: 1 })));
  if (estimate === null || estimate.error === null) return estimate;
  const alike = Math.min(MOST_ALIKE, Math.max(0, correlation(batches, estimate.mean)));
  return { ...estimate, error: estimate.error * Math.sqrt((1 + alike) / (1 - alike)) };
}

function correlation(batches: readonly number[], mean: number): number {
  let [product, square] = [0, 0];
  for (const [i, value] of batches.entries()) {
    square += (value - mean) ** 2;
    if (i > 0) product += (value - mean) * (batches[i - 1] - mean);
  }
  return square === 0 ? 0 : product / square;
}
