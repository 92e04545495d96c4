import { createHistogram } from "node:perf_hooks";
import { percentileOf } from "../../lib/percentile.ts";

/** Tokens. */
export interface LengthFigures {
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly total: number;
}

/** Percentiles for a picture of the whole distribution. */
const POINTS = [0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.9, 100];

/** Lengths in tokens, in an HDR histogram with three significant digits; mean, total and extremes are exact. */
export class Lengths {
  readonly #histogram = createHistogram({ figures: 3 });
  #count = 0;
  #total = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  add(tokens: number): void {
    this.#histogram.record(Math.max(1, tokens));
    this.#count++;
    this.#total += tokens;
    this.#min = Math.min(this.#min, tokens);
    this.#max = Math.max(this.#max, tokens);
  }

  /** Of at least one. */
  figures(): LengthFigures {
    const at = (percent: number) => this.#at(percent);
    return {
      mean: this.#total / this.#count,
      min: this.#min,
      p50: at(50),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      max: this.#max,
      total: this.#total,
    };
  }

  /** @returns lengths that so many percent do not exceed */
  points(): readonly (readonly [percent: number, tokens: number])[] {
    return POINTS.map((percent) => [percent, this.#at(percent)]);
  }

  #at(percent: number): number {
    if (percent === 0) return this.#min;
    return Math.min(this.#max, percentileOf(this.#histogram, percent));
  }
}

/** Pearson's correlation of two numbers that come in pairs. */
export class Correlation {
  #count = 0;
  #meanX = 0;
  #meanY = 0;
  #xx = 0;
  #yy = 0;
  #xy = 0;

  add(x: number, y: number): void {
    this.#count++;
    const dx = x - this.#meanX;
    const dy = y - this.#meanY;
    this.#meanX += dx / this.#count;
    this.#meanY += dy / this.#count;
    this.#xx += dx * (x - this.#meanX);
    this.#yy += dy * (y - this.#meanY);
    this.#xy += dx * (y - this.#meanY);
  }

  /** Null where either is always the same. */
  value(): number | null {
    const both = Math.sqrt(this.#xx * this.#yy);
    return both > 0 ? this.#xy / both : null;
  }
}
