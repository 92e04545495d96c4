/** Parts of the limit that time is counted in: a limit is hit up to one part late. */
const PARTS = 32;

/** One that waits. The fields are the limit's own: they lie here so that to wait takes no memory and no timer. */
export interface Waiter {
  earlier: Waiter | null;
  later: Waiter | null;
  /** The part of time it has waited since; −1 while it does not wait. */
  since: number;
  /** The limit is hit: it waits no more. */
  tooLate(): void;
}

/**
 * One limit for all who wait for the same thing. All have the same time, so the one that began first is the first to be
 * too late.
 */
export class WaitLimit {
  readonly #partMs: number;
  #part = 0;
  #first: Waiter | null = null;
  #last: Waiter | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(limitMs: number) {
    this.#partMs = limitMs / PARTS;
  }

  begin(waiter: Waiter): void {
    waiter.since = this.#part;
    waiter.earlier = this.#last;
    if (this.#last === null) this.#first = waiter;
    else this.#last.later = waiter;
    this.#last = waiter;
    this.#timer ??= setInterval(() => this.#pass(), this.#partMs).unref();
  }

  /** It waits no more. Harmless when repeated. */
  end(waiter: Waiter): void {
    if (waiter.since < 0) return;
    const { earlier, later } = waiter;
    if (earlier === null) this.#first = later;
    else earlier.later = later;
    if (later === null) this.#last = earlier;
    else later.earlier = earlier;
    waiter.since = -1;
    waiter.earlier = waiter.later = null;
  }

  /** A part of the time has passed. */
  #pass(): void {
    this.#part++;
    for (let first = this.#first; first !== null && this.#part - first.since > PARTS; first = this.#first) {
      this.end(first);
      first.tooLate();
    }
    if (this.#first !== null || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
