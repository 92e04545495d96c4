/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;
/** What Node's timers cannot be trusted with: they know whole milliseconds. */
const LAST_MS = 1;

/** Rings at a time, to a fraction of a millisecond: for the last one it looks in every turn of the event loop. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Immediate | undefined;

  /** @param ring may be called too soon: it sets the alarm again */
  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** In place of what was set before. @param leftMs > 0 */
  set(leftMs: number): void {
    this.clear();
    if (leftMs <= LAST_MS) this.#look = setImmediate(this.#ring);
    else this.#timer = setTimeout(this.#ring, Math.min(Math.floor(leftMs), LONGEST_SLEEP_MS));
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
  }
}
