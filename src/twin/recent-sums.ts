const LATEST_MS = 10_000;

interface Sum {
  readonly spanMs: number;
  readonly sum: number;
  readonly count: number;
}

/** The mean of a figure over the windows of the last ten seconds. */
export class RecentSums {
  #closed: readonly Sum[] = [];
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  /** A window of so long is over; what comes next is in another. */
  close(spanMs: number): void {
    const kept = [...this.#closed, { spanMs, sum: this.#sum, count: this.#count }];
    let all = kept.reduce((sum, one) => sum + one.spanMs, 0);
    while (kept.length > 1 && all - kept[0].spanMs >= LATEST_MS) all -= kept.splice(0, 1)[0].spanMs;
    this.#closed = kept;
    this.#sum = this.#count = 0;
  }

  /** Null for none. */
  get mean(): number | null {
    const count = this.#closed.reduce((sum, one) => sum + one.count, 0);
    return count === 0 ? null : this.#closed.reduce((sum, one) => sum + one.sum, 0) / count;
  }
}
