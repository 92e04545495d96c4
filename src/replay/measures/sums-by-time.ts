const TENTH_MS = 100;
const TENTHS = 10;

/** Sums over the time of a run, in tenths of a second: finer than the bounds that people give to parts of it. */
export class SumsByTime {
  readonly #tenths: number[] = [];

  add(nowMs: number, amount: number): void {
    const tenth = Math.max(0, Math.floor(nowMs / TENTH_MS));
    while (this.#tenths.length <= tenth) this.#tenths.push(0);
    this.#tenths[tenth] += amount;
  }

  /** Adds another's, tenth by tenth. */
  merge(tenths: readonly number[]): void {
    for (const [tenth, amount] of tenths.entries()) this.add(tenth * TENTH_MS, amount);
  }

  get tenths(): readonly number[] {
    return this.#tenths;
  }

  /** The largest of a second from this time on; of the second that it is in, too. */
  most(fromMs = 0): number {
    let most = 0;
    for (let i = Math.max(0, Math.floor(fromMs / 1000)) * TENTHS; i < this.#tenths.length; i += TENTHS)
      most = Math.max(
        most,
        this.#tenths.slice(i, i + TENTHS).reduce((sum, amount) => sum + amount, 0),
      );
    return most;
  }

  /** The sum from one time to another; tenths at the edges count in part. */
  between(fromMs: number, toMs: number): number {
    let sum = 0;
    for (let tenth = Math.floor(fromMs / TENTH_MS); tenth * TENTH_MS < toMs; tenth++) {
      const part = Math.min(toMs, (tenth + 1) * TENTH_MS) - Math.max(fromMs, tenth * TENTH_MS);
      sum += ((this.#tenths[tenth] ?? 0) * part) / TENTH_MS;
    }
    return sum;
  }
}
