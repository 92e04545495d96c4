import { type Layout, sayLayout } from "./layout.ts";
import { gridOf } from "./load-grid.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import type { PlanRoutings } from "./plan-routing.ts";
import { type Trial, trial } from "./trial.ts";

/** A p95 of so many is that of one in 15 to one in 30. */
const USUAL_REQUESTS = 300;
/** Beyond a percentile there are so many at least. */
const LEAST_BEYOND = 15;

/** A run of the twin: a unit at a load of the grid. */
export interface TrialJob {
  readonly layout: Layout;
  /** The unit's load: of the grid. */
  readonly power: number;
  readonly seed: number;
  /** Goes on to its end, though the target is lost. */
  readonly whole?: boolean;
  /** Where experts are loaded as unevenly as so, and not as the problem has them. */
  readonly skew?: number;
}

/** Who runs the twin. The same job gives the same trial, wherever and whenever it runs. */
export interface Trials {
  run(job: TrialJob): Promise<Trial>;
  /** What may be asked next, likeliest first, in place of what was expected before: whoever has time may run it meanwhile. */
  expect(jobs: readonly TrialJob[]): void;
}

/** Equal of equal jobs. */
export function jobName({ layout, power, seed, whole = false, skew }: TrialJob): string {
  const otherwise = skew === undefined ? "" : ` | skew ${skew}`;
  return `${sayLayout(layout)} | ${power} | ${seed}${whole ? " | whole" : ""}${otherwise}`;
}

/** Requests that count in a trial, unless said otherwise: more where a percentile is far out. */
function requestsOf({ target }: PlanProblem): number {
  const furthest = Math.max(target.ttftPercentile, target.itlPercentile);
  return Math.max(USUAL_REQUESTS, Math.ceil(LEAST_BEYOND / (1 - furthest / 100)));
}

/** Runs a job: yields the part that is done, 0..1. */
export function runTrial(
  problem: PlanProblem,
  routings: PlanRoutings,
  { layout, power, seed, whole, skew }: TrialJob,
  requests: number = requestsOf(problem),
): Generator<number, Trial> {
  const rate = gridOf(problem.demand).loadAt(power);
  const { itlMs } = problem.target;
  const tpotMs = Math.min(new OpenUnit(layout, problem).at(rate)?.tpotMs ?? itlMs, 2 * itlMs);
  return trial(layout, problem, { rate, seed, requests, tpotMs, routing: routings.at(skew), whole });
}
