/** The latest values of a measure, and where most of them are. */
export class RecentValues {
  readonly #values: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.#values = new Float64Array(size);
  }

  add(value: number): void {
    this.#values[this.#count++ % this.#values.length] = value;
  }

  /** Null while there are none. Nearest ranks. */
  summary(): { readonly p50: number; readonly p95: number } | null {
    const kept = Math.min(this.#count, this.#values.length);
    if (kept === 0) return null;
    const sorted = this.#values.slice(0, kept).sort();
    const at = (part: number) => sorted[Math.max(0, Math.ceil(part * kept) - 1)];
    return { p50: at(0.5), p95: at(0.95) };
  }
}
