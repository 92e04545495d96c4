/** The largest of something that goes up and down, for each second of a run. */
export class BySecond {
  readonly #seconds: number[] = [];

  /** Keeps the largest of each second. */
  raise(nowMs: number, amount: number): void {
    const second = this.#reach(nowMs);
    if (amount > this.#seconds[second]) this.#seconds[second] = amount;
  }

  /** Adds another's, second by second. */
  merge(seconds: readonly number[]): void {
    for (const [second, amount] of seconds.entries()) this.#seconds[this.#reach(second * 1000)] += amount;
  }

  get seconds(): readonly number[] {
    return this.#seconds;
  }

  /** The largest from this time on; of the second that it is in, too. */
  most(fromMs = 0): number {
    return this.#seconds.slice(Math.max(0, Math.floor(fromMs / 1000))).reduce((a, b) => Math.max(a, b), 0);
  }

  #reach(nowMs: number): number {
    const second = Math.max(0, Math.floor(nowMs / 1000));
    while (this.#seconds.length <= second) this.#seconds.push(0);
    return second;
  }
}
