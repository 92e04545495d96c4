/** What `node:perf_hooks` makes. */
interface Histogram {
  readonly count: number;
  percentile(percentile: number): number;
}

/** The smallest value that so many percent are not above (nearest rank); the histogram's own may be the one before. */
export function percentileOf(histogram: Histogram, percent: number): number {
  const { count } = histogram;
  const rank = Math.ceil((percent * count) / 100);
  return histogram.percentile((rank / count) * 100);
}
