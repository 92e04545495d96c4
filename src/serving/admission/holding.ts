/** Weight of the latest request in the mean: it follows a change within some tens of requests. */
const LATEST = 1 / 16;

/** How long requests stay in flight, for a guess at when there will be room. */
export class Holding {
  #meanMs = 0;

  add(ms: number): void {
    this.#meanMs = this.#meanMs === 0 ? ms : this.#meanMs + LATEST * (ms - this.#meanMs);
  }

  /** Milliseconds until so many of those in flight are over: they end evenly over the mean. */
  untilMs(ended: number, inFlight: number): number {
    return (ended * this.#meanMs) / Math.max(1, inFlight);
  }
}
