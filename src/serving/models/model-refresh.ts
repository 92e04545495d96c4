import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../lib/clock.ts";

/** From one refresh's begin to the next one's. */
const BETWEEN_MS = 1000;
/** The longest wait. */
const WITHIN_MS = 1000;
/** Requests that may wait for one; each holds its body. */
const MOST_WAITING = 64;

/**
 * Asks the servers ahead of time what they list, for a model that no known server lists: once for all requests that
 * wait, and not more often than once a second, so that many unknown names ask the engines no more than one does.
 */
export class ModelRefresh {
  readonly #ask: () => Promise<void>;
  readonly #clock: Clock;
  #beganMs = Number.NEGATIVE_INFINITY;
  #current: Promise<void> | null = null;
  #waiting = 0;

  /** @param ask resolves when every server was asked */
  constructor(ask: () => Promise<void>, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Resolves after a refresh, or after a second; null when there was one just now, or as many wait as may. */
  join(): Promise<void> | null {
    const now = this.#clock.now();
    if (this.#current === null) {
      if (now - this.#beganMs < BETWEEN_MS) return null;
      this.#beganMs = now;
      this.#current = this.#refresh();
    }
    if (this.#waiting >= MOST_WAITING) return null;
    this.#waiting++;
    return this.#current.finally(() => {
      this.#waiting--;
    });
  }

  async #refresh(): Promise<void> {
    const enough = new AbortController();
    const late = pause(WITHIN_MS, undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([this.#ask().catch(() => {}), late]);
    enough.abort();
    this.#current = null;
  }
}
