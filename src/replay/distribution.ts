import { createHistogram } from "node:perf_hooks";
import { percentileOf } from "../lib/percentile.ts";

/** Milliseconds. */
export interface DistributionSummary {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

const MICROSECONDS = 1000;
/** What a histogram takes at least. */
const SHORTEST = 1;

/** The distribution of a latency, in an HDR histogram of microseconds with three significant digits. */
export class Distribution {
  readonly #histogram = createHistogram({ figures: 3 });

  record(ms: number): void {
    this.#histogram.record(Math.max(SHORTEST, Math.round(ms * MICROSECONDS)));
  }

  /** Null as long as nothing was recorded. */
  summary(): DistributionSummary | null {
    const histogram = this.#histogram;
    if (histogram.count === 0) return null;
    const percentile = (p: number): number => percentileOf(histogram, p) / MICROSECONDS;
    return {
      mean: histogram.mean / MICROSECONDS,
      p50: percentile(50),
      p90: percentile(90),
      p95: percentile(95),
      p99: percentile(99),
    };
  }
}
