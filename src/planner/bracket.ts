/** Steps down the grid at most: a fortieth of what was expected. */
const MOST_DOWN = 39;

/**
 * Where the highest power lies that a unit keeps its target at, as far as it is known. The powers that are tried depend on
 * where it is expected, and on nothing else: whoever asks, for whatever load, learns the same.
 */
export class Bracket {
  /** It keeps its target here; minus infinity as long as it was seen to nowhere. */
  low = Number.NEGATIVE_INFINITY;
  /** It does not keep it here. */
  high: number;
  readonly #start: number;
  readonly #lowest: number;
  #step = 1;

  /**
   * @param start   where it is expected
   * @param ceiling it is taken to fail here, which is above `start`
   * @param least   no power below is tried
   */
  constructor(start: number, ceiling: number, least: number) {
    this.#start = start;
    this.#lowest = Math.max(least, start - MOST_DOWN);
    this.high = ceiling;
  }

  /** Whether it is known. */
  get closed(): boolean {
    return this.high - this.low <= 1 || this.high <= this.#lowest;
  }

  /** The power to try next, where it is not closed. */
  get next(): number {
    if (this.low === Number.NEGATIVE_INFINITY) {
      const below = Math.min(this.high, this.#start + 1);
      return Math.max(this.#lowest, below - this.#step);
    }
    const above = this.low + this.#step;
    return this.low >= this.#start && above < this.high ? above : Math.floor((this.low + this.high) / 2);
  }

  learn(power: number, keeps: boolean): void {
    this.#step *= 2;
    if (keeps) {
      if (this.low === Number.NEGATIVE_INFINITY) this.#step = 1;
      this.low = power;
    } else this.high = power;
  }
}
