import { sayLayout, type Layout } from "./layout.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { trial } from "./trial.ts";

/** Rates that are tried are powers of this: the load line is known to a tenth. */
const GRID = 1.1;
/** Steps down the grid at most: a fortieth of what was expected. */
const MOST_DOWN = 39;
/** A p95 of so many is that of one in 17 to one in 25. */
const REQUESTS = 300;
/** Trials of a search, about. */
const USUAL_TRIALS = 5;

/**
 * The most that a unit carries within the target in the twin, in requests per second: 0 where it keeps it at no rate.
 * Starts where arithmetic expects it, so that few trials find it; what is found is the same from wherever it starts, as long
 * as more load never helps. Yields the part that is done, about.
 */
export function* loadLine(
  layout: Layout,
  problem: PlanProblem,
  expected: number,
  routing: () => RoutingSource,
): Generator<number, number> {
  const unit = new OpenUnit(layout, problem);
  let trials = 0;
  function* keeps(power: number): Generator<number, boolean> {
    const rate = GRID ** power;
    const tpotMs = Math.min(unit.at(rate)?.tpotMs ?? problem.target.itlMs, 2 * problem.target.itlMs);
    const run = trial(layout, problem, { rate, seed: problem.seed, requests: REQUESTS, tpotMs, routing });
    const part = (inside: number) => 1 - Math.exp(-(trials + inside) / USUAL_TRIALS);
    for (;;) {
      const next = run.next();
      if (next.done === true) {
        trials++;
        return next.value.keeps;
      }
      yield part(next.value);
    }
  }
  const start = Math.floor(Math.log(expected) / Math.log(GRID));
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
  return GRID ** low;
}

/** Load lines that are known, since they do not depend on the demand's rate. */
export class LoadLines {
  readonly #known = new Map<string, number>();

  of(layout: Layout): number | undefined {
    return this.#known.get(sayLayout(layout));
  }

  set(layout: Layout, rate: number): void {
    this.#known.set(sayLayout(layout), rate);
  }
}
