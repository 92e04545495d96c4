/** The mean and percentiles of a sample, in the unit of its values. */
export interface SampleSummary {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
}

/** Keeps every value and gives exact percentiles (nearest rank). 8 bytes a value. */
export class Sample {
  #values = new Float64Array(1024);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
  }

  /** Every value, ascending. */
  sorted(): Float64Array {
    return this.#values.slice(0, this.#count).sort();
  }

  /** Null while nothing was added. */
  summary(): SampleSummary | null {
    if (this.#count === 0) return null;
    const sorted = this.sorted();
    const at = (p: number) => sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
    const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
    return { mean, p50: at(50), p90: at(90), p95: at(95), p99: at(99) };
  }
}
