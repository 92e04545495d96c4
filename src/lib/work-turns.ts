import type { Clock } from "./clock.ts";

/** Work that is done in turns of bounded time, one step after another, so that nothing waits for all of it. */
export class WorkTurns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #later: (turn: () => void) => void;
  readonly #step: () => boolean;
  #comes = false;

  /**
   * @param turnMs a turn begins no more steps after so long
   * @param later  runs a turn once others have had their time
   * @param step   the least that can be done. @returns whether there is more
   */
  constructor(clock: Clock, turnMs: number, later: (turn: () => void) => void, step: () => boolean) {
    this.#clock = clock;
    this.#turnMs = turnMs;
    this.#later = later;
    this.#step = step;
  }

  /** There is work: a turn comes. */
  wake(): void {
    if (this.#comes) return;
    this.#comes = true;
    this.#later(() => this.#turn());
  }

  #turn(): void {
    this.#comes = false;
    const until = this.#clock.now() + this.#turnMs;
    let more = this.#step();
    while (more && this.#clock.now() < until) more = this.#step();
    if (more) this.wake();
  }
}
