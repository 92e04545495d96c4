/** An amount for each second of a run. */
export class BySecond {
  readonly #seconds: number[] = [];

  add(nowMs: number, amount: number): void {
    const second = this.#reach(nowMs);
    this.#seconds[second] += amount;
  }

  /** Keeps the largest of each second. */
  raise(nowMs: number, amount: number): void {
    const second = this.#reach(nowMs);
    if (amount > this.#seconds[second]) this.#seconds[second] = amount;
  }

  /** Adds another's, second by second. */
  merge(seconds: readonly number[]): void {
    for (const [second, amount] of seconds.entries()) this.add(second * 1000, amount);
  }

  get seconds(): readonly number[] {
    return this.#seconds;
  }

  /** The largest from this time on; of the second that it is in, too. */
  most(fromMs = 0): number {
    return this.#seconds.slice(Math.max(0, Math.floor(fromMs / 1000))).reduce((a, b) => Math.max(a, b), 0);
  }

  /** The sum from one time to another; seconds at the edges count in part. */
  between(fromMs: number, toMs: number): number {
    let sum = 0;
    for (let second = Math.floor(fromMs / 1000); second * 1000 < toMs; second++) {
      const part = Math.min(toMs, (second + 1) * 1000) - Math.max(fromMs, second * 1000);
      sum += ((this.#seconds[second] ?? 0) * part) / 1000;
    }
    return sum;
  }

  #reach(nowMs: number): number {
    const second = Math.max(0, Math.floor(nowMs / 1000));
    while (this.#seconds.length <= second) this.#seconds.push(0);
    return second;
  }
}
