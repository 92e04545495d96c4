/** How many tokens a pool forwards in a step, of late. Pure: time is an argument. */
export class StepTokens {
  readonly #halfLifeMs: number;
  #tokens = 0;
  #steps = 0;

  /** @param halfLifeMs after this long, a window counts half */
  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs;
  }

  /** @param steps NaN where nobody counts them, as of engines that report loads alone: the window says nothing */
  observe(tokens: number, steps: number, spanMs: number): void {
    if (!(steps > 0)) return;
    const keep = 2 ** (-spanMs / this.#halfLifeMs);
    this.#tokens = keep * this.#tokens + tokens;
    this.#steps = keep * this.#steps + steps;
  }

  /** Null where nothing is known. */
  get mean(): number | null {
    return this.#tokens === 0 ? null : this.#tokens / this.#steps;
  }
}
