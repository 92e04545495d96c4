import { Bracket } from "./bracket.ts";
import { type Layout, sayLayout } from "./layout.ts";
import type { RatedLayout } from "./rated-layouts.ts";
import type { Trial } from "./trial.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { type LoadGrid, gridOf } from "./load-grid.ts";
import type { TrialJob, Trials } from "./trials.ts";

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

/** How a line is found, where not as usual. */
export interface LineOptions {
  /** How far below what the twin still carried a unit is loaded. */
  readonly stepsBelow?: number;
  /** Another one than the problem's. */
  readonly skew?: number;
}

/** What a line is of. */
type Unit = Pick<RatedLayout, "layout" | "open">;

/**
 * The load lines of units. Each depends on the layout alone, so that what carries more also carries less: more traffic never
 * needs fewer GPUs.
 */
export class LoadLines {
  readonly #trials: Trials;
  readonly #seed: number;
  /** What is tried, and how far below the highest a unit is loaded. */
  readonly grid: LoadGrid;
  readonly #stepsBelow: number;
  readonly #skew: number | undefined;
  readonly #brackets = new Map<string, Bracket>();

  constructor(
    trials: Trials,
    { demand, seed }: Pick<PlanProblem, "demand" | "seed">,
    { stepsBelow = STEPS_BELOW, skew }: LineOptions = {},
  ) {
    this.#trials = trials;
    this.#seed = seed;
    this.grid = gridOf(demand);
    this.#stepsBelow = stepsBelow;
    this.#skew = skew;
  }

  /** These may be asked for next. */
  expect(rated: readonly Unit[]): void {
    this.#trials.expect(rated.map((one) => this.#job(one.layout, this.#bracketOf(one).next)));
  }

  /** A unit at its part of the demand, to the end. */
  atRate(layout: Layout, rate: number): Promise<Trial> {
    return this.#trials.run({ ...this.#job(layout, this.grid.powerFor(rate)), whole: true });
  }

  /** Whether a unit's load line may be no less than a rate. */
  async carries(rated: Unit, rate: number): Promise<boolean> {
    const needed = this.grid.powerFor(rate) + this.#stepsBelow;
    const bracket = this.#bracketOf(rated);
    await this.#narrow(rated.layout, bracket, () => bracket.low < needed && bracket.high > needed);
    return bracket.low >= needed;
  }

  /** The same by the runs that find it alone. */
  async found(rated: Unit): Promise<number | null> {
    const bracket = this.#bracketOf(rated);
    await this.#narrow(rated.layout, bracket, () => true);
    if (bracket.low === Number.NEGATIVE_INFINITY) return null;
    return this.grid.loadAt(Math.max(this.grid.lowest, bracket.low - this.#stepsBelow));
  }

  /** Null where no rate keeps the target. */
  async of(rated: Unit): Promise<LoadLine | null> {
    const { layout } = rated;
    const bracket = this.#bracketOf(rated);
    await this.#narrow(layout, bracket, () => true);
    if (bracket.low === Number.NEGATIVE_INFINITY) return null;
    const highest = Math.max(this.grid.lowest, bracket.low - this.#stepsBelow);
    const least = Math.max(this.grid.lowest, highest - MOST_LOWER + 1);
    for (let power = highest; power >= least; power--) {
      const trials = await this.otherSeeds(layout, power);
      if (trials.every(({ keeps }) => keeps)) return { rate: this.grid.loadAt(power), power, trials };
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

  #bracketOf({ layout, open }: Unit): Bracket {
    const name = sayLayout(layout);
    const known = this.#brackets.get(name);
    if (known !== undefined) return known;
    const { powerFor, lowest } = this.grid;
    const start = powerFor(open * EXPECTED);
    const ceiling = Math.max(start, powerFor(open * MOST_OVER_OPEN) + STEPS_BELOW) + 1;
    const bracket = new Bracket(start, ceiling, lowest);
    this.#brackets.set(name, bracket);
    return bracket;
  }

  #job(layout: Layout, power: number, more = 0): TrialJob {
    const job = { layout, power, seed: this.#seed + more };
    return this.#skew === undefined ? job : { ...job, skew: this.#skew };
  }
}
