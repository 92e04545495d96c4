/** Milliseconds, but for `count`. The standard deviation is the population's, as numpy's. */
export interface DistributionSummary {
  readonly count: number;
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly "p99.9": number;
}

/** A distribution as data: what another process needs to go on with it. */
export interface DistributionState {
  readonly counts: Uint32Array;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly squares: number;
}

const MICROSECONDS = 1000;
/** What took less counts as this. */
const SHORTEST = 1;
/** Values below this have a bucket each; every doubling above it is cut into half as many. */
const EXACT = 2048;
const PER_DOUBLING = EXACT / 2;

/**
 * The distribution of a latency as HdrHistogram keeps it: counts of microseconds in buckets that are a thousandth wide at
 * most, whatever the size. Mean, deviation, least and most are exact. It is as large as the largest value needs.
 */
export class Distribution {
  #counts = new Uint32Array(EXACT);
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  /** Mean and sum of squared distances so far, in microseconds (Welford's). */
  #mean = 0;
  #squares = 0;

  get count(): number {
    return this.#count;
  }

  record(ms: number): void {
    const us = Math.max(SHORTEST, Math.round(ms * MICROSECONDS));
    const bucket = bucketOf(us);
    if (bucket >= this.#counts.length) this.#grow(bucket + 1);
    this.#counts[bucket]++;
    this.#count++;
    this.#sum += us;
    if (us < this.#min) this.#min = us;
    if (us > this.#max) this.#max = us;
    const off = us - this.#mean;
    this.#mean += off / this.#count;
    this.#squares += off * (us - this.#mean);
  }

  /** Takes another's values in: what follows is as if all had been recorded here. */
  merge(other: DistributionState): void {
    if (other.count === 0) return;
    if (other.counts.length > this.#counts.length) this.#grow(other.counts.length);
    for (const [bucket, count] of other.counts.entries()) this.#counts[bucket] += count;
    const count = this.#count + other.count;
    const off = other.mean - this.#mean;
    // Chan's, Golub's and LeVeque's way to put two sums of squares together.
    this.#squares += other.squares + (off * off * this.#count * other.count) / count;
    this.#mean += (off * other.count) / count;
    this.#count = count;
    this.#sum += other.sum;
    this.#min = Math.min(this.#min, other.min);
    this.#max = Math.max(this.#max, other.max);
  }

  state(): DistributionState {
    return {
      counts: this.#counts,
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      mean: this.#mean,
      squares: this.#squares,
    };
  }

  /** Milliseconds that `percent` of the values are not above (nearest rank); null as long as nothing was recorded. */
  percentile(percent: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil((percent * this.#count) / 100));
    let seen = 0;
    let bucket = 0;
    while (seen < rank) seen += this.#counts[bucket++];
    const us = Math.min(this.#max, Math.max(this.#min, middleOf(bucket - 1)));
    return us / MICROSECONDS;
  }

  /** Null as long as nothing was recorded. */
  summary(): DistributionSummary | null {
    if (this.#count === 0) return null;
    const percentile = (percent: number): number => this.percentile(percent) ?? 0;
    return {
      count: this.#count,
      mean: this.#sum / this.#count / MICROSECONDS,
      std: Math.sqrt(this.#squares / this.#count) / MICROSECONDS,
      min: this.#min / MICROSECONDS,
      max: this.#max / MICROSECONDS,
      p50: percentile(50),
      p75: percentile(75),
      p90: percentile(90),
      p95: percentile(95),
      p99: percentile(99),
      "p99.9": percentile(99.9),
    };
  }

  #grow(buckets: number): void {
    const counts = new Uint32Array(Math.ceil(buckets / PER_DOUBLING) * PER_DOUBLING);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}

/** @param us an integer ≥ 0 */
function bucketOf(us: number): number {
  let part = us;
  let doublings = 0;
  // Counted, for logarithms are rounded; minutes of latency take sixteen steps.
  while (part >= EXACT) {
    part = Math.floor(part / 2);
    doublings++;
  }
  return doublings * PER_DOUBLING + part;
}

/** The middle of a bucket's values. */
function middleOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const doublings = Math.floor(bucket / PER_DOUBLING) - 1;
  const least = (bucket - doublings * PER_DOUBLING) * 2 ** doublings;
  return least + (2 ** doublings - 1) / 2;
}
