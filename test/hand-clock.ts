import type { Clock } from "../src/lib/clock.ts";

/** Time that only the test moves. */
export class HandClock implements Clock {
  ms = 0;

  now(): number {
    return this.ms;
  }
}
