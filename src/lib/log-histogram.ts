/** Up to this, values are not told apart. */
const LEAST = 0.1;
const PER_DECADE = 10;
const DECADES = 7;

/** The last is of what is larger than all others have. */
export const BUCKETS = DECADES * PER_DECADE + 2;

/**
 * How many values were how large, `[buckets]`; what is missing at the end is 0. Bucket 0 has values up to 0.1, and each
 * further one values up to 10^0.1 = 1.26 times those of the one before, up to a million.
 */
export type LogHistogram = readonly number[];

/** Counts a value. @param counts is changed */
export function countInto(counts: number[], value: number): void {
  const bucket = value > LEAST ? Math.min(BUCKETS - 1, Math.ceil(PER_DECADE * Math.log10(value / LEAST))) : 0;
  while (counts.length <= bucket) counts.push(0);
  counts[bucket]++;
}

/** The values of both. Neither is changed. */
export function sumOfBoth(a: LogHistogram, b: LogHistogram): LogHistogram {
  const [longer, shorter] = a.length < b.length ? [b, a] : [a, b];
  return longer.map((count, i) => count + (shorter[i] ?? 0));
}

/**
 * The value below which that part of all values lies, as if those of a bucket were spread over it evenly by their
 * logarithm: off by 26 % at most, and by far less as a rule. Null where there is none.
 */
export function percentileIn(counts: LogHistogram, percent: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const wanted = (percent / 100) * total;
  let below = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket];
    if (count > 0 && below + count >= wanted) {
      if (bucket === 0) return LEAST;
      // Of the last it is known only that they are larger.
      const part = bucket === BUCKETS - 1 ? 0 : (wanted - below) / count;
      return LEAST * 10 ** ((bucket - 1 + part) / PER_DECADE);
    }
    below += count;
  }
  throw new Error("a part of the values is above 1");
}
