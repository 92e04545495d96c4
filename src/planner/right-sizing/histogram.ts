import type { Histogram } from "../../model/pool-counters.ts";

/** What came between two readings of one histogram; null where it was begun anew between them. */
export function difference(before: Histogram | null, after: Histogram): Histogram | null {
  if (before === null) return after;
  const { bounds, sum } = after;
  const counts = after.counts.map((count, i) => count - (before.counts[i] ?? 0));
  const same =
    before.bounds.length === bounds.length && bounds.every((bound, i) => bound === before.bounds[i]);
  if (!same || counts.some((count) => count < 0)) return null;
  return { bounds, counts, sum: sum - before.sum };
}

/** How many values it has. */
export function countOf({ counts }: Histogram): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** Null where nothing fell anywhere. */
export function meanOf(histogram: Histogram): number | null {
  const count = countOf(histogram);
  return count === 0 ? null : histogram.sum / count;
}

/**
 * The value that a part of all do not exceed, null where there are none. Within a bucket values are taken to lie evenly on a
 * logarithmic scale, as wide as that bucket is; in the last, they are at its lower bound.
 * @param part 0..1
 */
export function percentile(histogram: Histogram, part: number): number | null {
  const { bounds, counts } = histogram;
  const wanted = part * countOf(histogram);
  if (!(countOf(histogram) > 0)) return null;
  let below = 0;
  for (const [i, count] of counts.entries()) {
    if (below + count < wanted || count === 0) {
      below += count;
      continue;
    }
    const low = i === 0 ? firstLow(bounds) : bounds[i - 1];
    const high = bounds[i] ?? low;
    return low * (high / low) ** ((wanted - below) / count);
  }
  return bounds[bounds.length - 1];
}

/** The first bucket is taken to be as wide as the second. */
function firstLow([first, second]: readonly number[]): number {
  return second === undefined ? first / 2 : (first * first) / second;
}
