/** Something to be done at a time. */
interface Departure {
  readonly startMs: number;
}

/** What waits for its time: the earliest first, and of those at one time the first given. */
export class Departures<D extends Departure> {
  /** The latest first, so that taking the earliest moves nothing. */
  readonly #waiting: D[] = [];

  get next(): D | undefined {
    return this.#waiting.at(-1);
  }

  add(departure: D): void {
    const waiting = this.#waiting;
    let low = 0;
    for (let high = waiting.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (waiting[middle].startMs > departure.startMs) low = middle + 1;
      else high = middle;
    }
    waiting.splice(low, 0, departure);
  }

  /** Takes the earliest. */
  take(): D | undefined {
    return this.#waiting.pop();
  }
}
