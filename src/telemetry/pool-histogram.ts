interface Series {
  /** One for each bound, and one for what is above all of them. */
  readonly counts: Float64Array;
  sum: number;
}

/** A histogram with a series for each pool. */
export class PoolHistogram {
  readonly name: string;
  readonly description: string;
  readonly bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  /** @param bounds inclusive upper bounds, ascending */
  constructor(name: string, description: string, bounds: readonly number[]) {
    this.name = name;
    this.description = description;
    this.bounds = bounds;
  }

  /** By pool. */
  get series(): ReadonlyMap<string, Readonly<Series>> {
    return this.#series;
  }

  /** Counts of a pool begin at 0. */
  begin(pool: string): Series {
    const known = this.#series.get(pool);
    if (known !== undefined) return known;
    const series = { counts: new Float64Array(this.bounds.length + 1), sum: 0 };
    this.#series.set(pool, series);
    return series;
  }

  /** @returns the bound of the bucket; Infinity for the last */
  record(pool: string, value: number): number {
    const series = this.begin(pool);
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    series.counts[bucket]++;
    series.sum += value;
    return bounds[bucket] ?? Number.POSITIVE_INFINITY;
  }
}
