import type { Alarms } from "../../lib/alarms.ts";
import type { Clock } from "../../lib/clock.ts";

/** The process's own timers; none of them keeps it alive. */
export class Timers implements Alarms {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  at(atMs: number, action: () => void): () => void {
    const timer = setTimeout(action, Math.ceil(atMs - this.#clock.now())).unref();
    return () => clearTimeout(timer);
  }
}
