import { Distribution } from "../measures/distribution.ts";

/** How often the client looks whether it is on time. */
const LOOK_EVERY_MS = 20;
/** A pause of this length while streams were open makes the run's times wrong, however rare it was. */
export const STALL_MS = 250;
/** Only so many are remembered, the latest. */
const MOST_STALLS = 4096;

interface Stall {
  readonly from: number;
  readonly to: number;
}

/**
 * Watches the client's own event loop: what comes while it is busy, or while the machine does not run it, is read and
 * stamped late. Times are those of the clock that is handed in.
 */
export class ClientWatch {
  readonly #now: () => number;
  readonly #busy: () => boolean;
  /** How late the loop was, looked at 50 times a second while streams were open. */
  readonly lateness = new Distribution();
  readonly #stalls: Stall[] = [];
  stalls = 0;
  longestStallMs = 0;
  #due = Number.POSITIVE_INFINITY;
  #wasBusy = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param busy whether any stream is open */
  constructor(now: () => number, busy: () => boolean) {
    this.#now = now;
    this.#busy = busy;
  }

  start(): void {
    this.#wasBusy = this.#busy();
    this.#due = this.#now() + LOOK_EVERY_MS;
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Whether the client stood still for long in this time. */
  stalledIn(from: number, to: number): boolean {
    // The loop may be standing up again: what it missed comes before its timers.
    if (to - this.#due >= STALL_MS) return true;
    const stalls = this.#stalls;
    for (let i = stalls.length - 1; i >= 0 && stalls[i].to >= from; i--)
      if (stalls[i].from <= to) return true;
    return false;
  }

  #look(): void {
    const now = this.#now();
    const late = Math.max(0, now - this.#due);
    if (this.#wasBusy || this.#busy()) {
      this.lateness.record(late);
      if (late >= STALL_MS) this.#stalled({ from: this.#due, to: now });
    }
    this.start();
  }

  #stalled(stall: Stall): void {
    this.stalls++;
    this.longestStallMs = Math.max(this.longestStallMs, stall.to - stall.from);
    this.#stalls.push(stall);
    if (this.#stalls.length > MOST_STALLS) this.#stalls.shift();
  }
}
