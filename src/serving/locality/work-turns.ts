import type { Clock } from "../../lib/clock.ts";

/** A turn begins nothing more after so long. What it begins takes less. */
const TURN_MS = 0.5;

/** Does work beside requests, in short turns, for as long as there is some. */
export class WorkTurns {
  readonly #later: (turn: () => void) => void;
  readonly #clock: Clock;
  readonly #step: () => boolean;
  #comes = false;

  /**
   * @param later runs a turn once requests have had their time
   * @param step does the least that can be done; says whether there is more
   */
  constructor(later: (turn: () => void) => void, clock: Clock, step: () => boolean) {
    this.#later = later;
    this.#clock = clock;
    this.#step = step;
  }

  /** There is some. */
  wake(): void {
    if (this.#comes) return;
    this.#comes = true;
    this.#later(() => this.#turn());
  }

  #turn(): void {
    this.#comes = false;
    const until = this.#clock.now() + TURN_MS;
    let more = this.#step();
    while (more && this.#clock.now() < until) more = this.#step();
    if (more) this.wake();
  }
}
