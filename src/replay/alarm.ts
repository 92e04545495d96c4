/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;
/** What Node's timers cannot be trusted with: they know whole milliseconds. */
const LAST_MS = 1;
/** The part of the time that may go into looking, and how much of it can be saved up: cores may be the server's, too. */
const LOOKING_PART = 0.05;
const MOST_SAVED_MS = 20;

/**
 * Rings at a time. For the last millisecond it looks in every turn of the event loop, as long as that does not cost much;
 * else it rings up to a millisecond late.
 */
export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Immediate | undefined;
  #savedMs = MOST_SAVED_MS;
  #settledMs: number;

  /** @param ring may be called too soon: it sets the alarm again */
  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
    this.#settledMs = now();
  }

  /** In place of what was set before. @param leftMs > 0 */
  set(leftMs: number): void {
    this.clear();
    if (leftMs > LAST_MS)
      this.#timer = setTimeout(this.#ring, Math.min(Math.floor(leftMs), LONGEST_SLEEP_MS));
    else if (this.#savedMs > 0) this.#look = setImmediate(this.#ring);
    else this.#timer = setTimeout(this.#ring, LAST_MS);
  }

  clear(): void {
    const nowMs = this.#now();
    const goneMs = nowMs - this.#settledMs;
    this.#settledMs = nowMs;
    this.#savedMs = Math.min(
      MOST_SAVED_MS,
      this.#savedMs + (this.#look === undefined ? LOOKING_PART * goneMs : -goneMs),
    );
    clearTimeout(this.#timer);
    clearImmediate(this.#look);
    this.#look = undefined;
  }
}
