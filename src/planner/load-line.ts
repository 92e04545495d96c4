import { Bracket } from "./bracket.ts";
import { type Layout, sayLayout } from "./layout.ts";
import type { RatedLayout } from "./rated-layouts.ts";
import type { Trial } from "./trial.ts";
import { type TrialJob, type Trials, powerFor, rateOf } from "./trials.ts";

/**
 * A unit is loaded up to two steps of the grid below what the twin still carried, a sixth less: near its limit other requests
 * wait much longer. Planners of the field keep as much in hand (replicas for 1.2 times the rate).
 */
const STEPS_BELOW = 2;
/** Below that a line which other requests refute is given up. */
const MOST_LOWER = 4;
/** No unit is believed to carry more than so many times what arithmetic says. */
export const MOST_OVER_OPEN = 1.25;
/** Where the twin's limit is expected, in what arithmetic says. */
const EXPECTED = 0.9;

/** The most that a unit is planned for, and that it keeps its target there with requests that it was not found by. */
export interface LoadLine {
  readonly rate: number;
  readonly power: number;
  readonly trials: readonly Trial[];
}

/**
 * The load lines of units. Each depends on the layout alone, so that what carries more also carries less: more traffic never
 * needs fewer GPUs.
 */
export class LoadLines {
  readonly #trials: Trials;
  readonly #seed: number;
  readonly #brackets = new Map<string, Bracket>();

  constructor(trials: Trials, seed: number) {
    this.#trials = trials;
    this.#seed = seed;
  }

  /** These may be asked for next. */
  expect(rated: readonly RatedLayout[]): void {
    this.#trials.expect(rated.map((one) => this.#job(one.layout, this.#bracketOf(one).next)));
  }

  /** A unit at its part of the demand, to the end. */
  atRate(layout: Layout, rate: number): Promise<Trial> {
    return this.#trials.run({ ...this.#job(layout, powerFor(rate)), whole: true });
  }

  /** Whether a unit's load line may be no less than a rate. */
  async carries(rated: RatedLayout, rate: number): Promise<boolean> {
    const needed = powerFor(rate) + STEPS_BELOW;
    const bracket = this.#bracketOf(rated);
    await this.#narrow(rated.layout, bracket, () => bracket.low < needed && bracket.high > needed);
    return bracket.low >= needed;
  }

  /** Null where no rate keeps the target. */
  async of(rated: RatedLayout): Promise<LoadLine | null> {
    const { layout } = rated;
    const bracket = this.#bracketOf(rated);
    await this.#narrow(layout, bracket, () => true);
    if (bracket.low === Number.NEGATIVE_INFINITY) return null;
    const highest = bracket.low - STEPS_BELOW;
    for (let power = highest; power > highest - MOST_LOWER; power--) {
      const trials = await this.otherSeeds(layout, power);
      if (trials.every(({ keeps }) => keeps)) return { rate: rateOf(power), power, trials };
    }
    return null;
  }

  /** Runs with requests that nothing was chosen by. */
  otherSeeds(layout: Layout, power: number): Promise<Trial[]> {
    return Promise.all([1, 2].map((more) => this.#trials.run(this.#job(layout, power, more))));
  }

  async #narrow(layout: Layout, bracket: Bracket, wanted: () => boolean): Promise<void> {
    while (!bracket.closed && wanted()) {
      const { next } = bracket;
      const { keeps } = await this.#trials.run(this.#job(layout, next));
      bracket.learn(next, keeps);
    }
  }

  #bracketOf({ layout, open }: RatedLayout): Bracket {
    const name = sayLayout(layout);
    const known = this.#brackets.get(name);
    if (known !== undefined) return known;
    const start = powerFor(open * EXPECTED);
    const bracket = new Bracket(start, Math.max(start, powerFor(open * MOST_OVER_OPEN) + STEPS_BELOW) + 1);
    this.#brackets.set(name, bracket);
    return bracket;
  }

  #job(layout: Layout, power: number, more = 0): TrialJob {
    return { layout, power, seed: this.#seed + more };
  }
}
