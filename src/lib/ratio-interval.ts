import { tQuantile } from "./student-t.ts";

/** What was measured of one unit: units are independent of each other, what is within one need not be. */
export interface Unit {
  readonly sum: number;
  readonly count: number;
}

/** The mean of all that was measured, with what it would differ by from sample to sample. */
export interface Estimate {
  readonly mean: number;
  /** Its standard error; null with fewer than two units. */
  readonly error: number | null;
  readonly units: number;
  readonly count: number;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Two-sided. */
const CONFIDENCE = 0.95;

/**
 * The mean over units of several sizes, Σ sums / Σ counts, whose error is that of a ratio (Cochran, Sampling Techniques,
 * 6.4): by how much whole units differ from it. Null where nothing was measured.
 */
export function ratioEstimate(units: readonly Unit[]): Estimate | null {
  const measured = units.filter(({ count }) => count > 0);
  const count = measured.reduce((all, unit) => all + unit.count, 0);
  if (count === 0) return null;
  const mean = measured.reduce((all, unit) => all + unit.sum, 0) / count;
  const n = measured.length;
  if (n < 2) return { mean, error: null, units: n, count };
  const squares = measured.reduce((all, unit) => all + (unit.sum - mean * unit.count) ** 2, 0);
  return { mean, error: Math.sqrt((squares * n) / (n - 1)) / count, units: n, count };
}

/** The 95 % interval of a mean; null where its error is not known. */
export function intervalOf({ mean, error, units }: Estimate): Interval | null {
  return error === null ? null : around(mean, error, units - 1);
}

/** The 95 % interval of `a − b`, for independent units of unequal variance (Welch); null where an error is not known. */
export function differenceInterval(a: Estimate, b: Estimate): Interval | null {
  if (a.error === null || b.error === null) return null;
  const [ofA, ofB] = [a.error ** 2, b.error ** 2];
  const variance = ofA + ofB;
  const freedom =
    variance === 0
      ? a.units + b.units - 2
      : variance ** 2 / (ofA ** 2 / (a.units - 1) + ofB ** 2 / (b.units - 1));
  return around(a.mean - b.mean, Math.sqrt(variance), Math.max(1, freedom));
}

function around(middle: number, error: number, freedom: number): Interval {
  const reach = error * tQuantile((1 + CONFIDENCE) / 2, freedom);
  return { low: middle - reach, high: middle + reach };
}
