import { Distribution } from "../../measures/distribution.ts";

const PERCENTS = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9] as const;

/** How values lie, in their own unit. Percentiles by nearest rank. */
export interface SpreadSummary {
  readonly count: number;
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly percentiles: ReadonlyMap<number, number>;
}

/** A distribution of milliseconds, or of whole numbers. */
export class Spread {
  readonly #values = new Distribution();
  readonly #scale: number;
  /** Distributions have no 0. */
  readonly #shift: number;

  private constructor(scale: number, shift: number) {
    this.#scale = scale;
    this.#shift = shift;
  }

  static ofMs(): Spread {
    return new Spread(1, 0);
  }

  /** Small ones exactly; those above 2,000 right to a thousandth. */
  static ofCounts(): Spread {
    return new Spread(1000, 1);
  }

  add(value: number): void {
    this.#values.record((value + this.#shift) / this.#scale);
  }

  /** What so many percent are not above; null as long as nothing was added. */
  at(percent: number): number | null {
    const value = this.#values.percentile(percent);
    return value === null ? null : value * this.#scale - this.#shift;
  }

  /** Null as long as nothing was added. */
  summary(): SpreadSummary | null {
    const summary = this.#values.summary();
    if (summary === null) return null;
    const { count, mean, std, min, max } = summary;
    const own = (value: number): number => value * this.#scale - this.#shift;
    return {
      count,
      mean: own(mean),
      std: std * this.#scale,
      min: own(min),
      max: own(max),
      percentiles: new Map(
        PERCENTS.map((percent) => [percent, own(this.#values.percentile(percent) ?? Number.NaN)]),
      ),
    };
  }
}
