import type { RoutingSource } from "../twin/routing-source.ts";
import { type Layout, sayLayout } from "./layout.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { PART_ASKED, trial } from "./trial.ts";

/** Rates that are tried are powers of this: a load line is known to a tenth. */
const GRID = 1.1;
/**
 * A unit is loaded up to two steps of the grid below what the twin still carried, a sixth less: near its limit other requests
 * wait much longer. Planners of the field keep as much in hand (replicas for 1.2 times the rate).
 */
const STEPS_BELOW = 2;
/** Steps down the grid at most: a fortieth of what was expected. */
const MOST_DOWN = 39;
/** A p95 of so many is that of one in 15 to one in 30. */
const USUAL_REQUESTS = 300;

/** Whether units keep the target in the twin, at rates of a grid: each is run once, whatever the demand. */
export class LoadLines {
  readonly #problem: Omit<PlanProblem, "demand">;
  readonly #known = new Map<string, boolean>();
  /** That count in a run of the twin. */
  readonly requests: number;
  readonly routing: () => RoutingSource;

  /** @param problem its lengths and targets hold for all that is asked */
  constructor(problem: PlanProblem, routing: () => RoutingSource, requests = USUAL_REQUESTS) {
    this.#problem = problem;
    this.routing = routing;
    this.requests = requests;
  }

  /** Whether a unit's load line is no less than a rate. Yields the part that is done. */
  carries(layout: Layout, demand: PlanProblem["demand"], rate: number): Generator<number, boolean> {
    return this.#keeps(layout, demand, Math.ceil(powerOf(rate) - 1e-9) + STEPS_BELOW);
  }

  /**
   * The most that a unit is loaded with, in requests per second; 0 where it keeps the target at no rate. Starts where it is
   * expected, so that few trials find it; what is found is the same from wherever it starts, as long as more load never
   * helps.
   */
  *line(layout: Layout, demand: PlanProblem["demand"], expected: number): Generator<number, number> {
    const keeps = (power: number) => this.#keeps(layout, demand, power);
    const start = Math.floor(powerOf(expected) + 1e-9);
    let low = start;
    let high = start + 1;
    if (yield* keeps(start)) {
      for (let step = 1; yield* keeps(high); step *= 2) [low, high] = [high, high + 2 * step];
    } else {
      high = start;
      low = start - 2;
      for (let step = 4; !(yield* keeps(low)); step *= 2) {
        if (start - low >= MOST_DOWN) return 0;
        [low, high] = [Math.max(low - step, start - MOST_DOWN), low];
      }
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (yield* keeps(middle)) low = middle;
      else high = middle;
    }
    return GRID ** (low - STEPS_BELOW);
  }

  *#keeps(layout: Layout, demand: PlanProblem["demand"], power: number): Generator<number, boolean> {
    const name = `${sayLayout(layout)} ${power}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const problem = { ...this.#problem, demand };
    const { target, seed } = problem;
    const rate = GRID ** power;
    const { tpotMs } = new OpenUnit(layout, problem).at(rate) ?? { tpotMs: target.itlMs };
    const options = {
      rate,
      seed,
      requests: this.requests,
      part: PART_ASKED,
      tpotMs: Math.min(tpotMs, 2 * target.itlMs),
    };
    const { keeps } = yield* trial(layout, problem, { ...options, routing: this.routing });
    this.#known.set(name, keeps);
    return keeps;
  }
}

function powerOf(rate: number): number {
  return Math.log(rate) / Math.log(GRID);
}
