const WINDOW_SECONDS = 10;

/** Events per second over the last ten seconds (or since the beginning, when that is shorter). */
export class RecentRate {
  /** One bucket per second, reused in a ring; `#seconds` says which second a bucket holds. */
  readonly #amounts = new Float64Array(WINDOW_SECONDS);
  readonly #seconds = new Float64Array(WINDOW_SECONDS).fill(-1);

  /** @param nowMs milliseconds since the beginning, ≥ 0 */
  add(nowMs: number, amount: number): void {
    const second = Math.floor(nowMs / 1000);
    const bucket = second % WINDOW_SECONDS;
    if (this.#seconds[bucket] !== second) {
      this.#seconds[bucket] = second;
      this.#amounts[bucket] = 0;
    }
    this.#amounts[bucket] += amount;
  }

  /** @param nowMs as for `add`, not before the last call's */
  perSecond(nowMs: number): number {
    if (nowMs <= 0) return 0;
    const oldest = Math.floor(nowMs / 1000) - WINDOW_SECONDS + 1;
    let sum = 0;
    for (let bucket = 0; bucket < WINDOW_SECONDS; bucket++) {
      if (this.#seconds[bucket] >= oldest) sum += this.#amounts[bucket];
    }
    return sum / (nowMs / 1000 - Math.max(0, oldest));
  }
}
