import { type Layout, unitGpus } from "./layout.ts";
import { openCapacity } from "./open-capacity.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { USUAL_PERCENTILES } from "./service-target.ts";

/** What a user sees, and what a GPU gives: tokens of answers per second. */
export interface ParetoPoint {
  readonly layout: Layout;
  readonly perUser: number;
  readonly perGpu: number;
  readonly rate: number;
  readonly keeps: boolean;
}

const STEPS = 10;
/** Nobody wants tokens so many times slower than the target. */
const SLOWEST = 4;
const UNBOUNDED = {
  ttftMs: Number.POSITIVE_INFINITY,
  itlMs: Number.POSITIVE_INFINITY,
  ...USUAL_PERCENTILES,
};

/** Layouts and loads, by arithmetic, of which none is better in both: slowest users first. */
export function paretoFront(problem: PlanProblem, layouts: readonly Layout[]): ParetoPoint[] {
  const { answer } = problem.demand;
  const points: ParetoPoint[] = [];
  for (const layout of layouts) {
    const most = openCapacity(layout, problem, UNBOUNDED);
    const unit = new OpenUnit(layout, problem);
    for (let step = 1; step <= STEPS; step++) {
      const times = unit.at(((most * step) / STEPS) * (1 - 1e-9));
      if (times === null || times.tpotMs > SLOWEST * problem.target.itlMs) continue;
      const keeps = times.ttftMs <= problem.target.ttftMs && times.itlMs <= problem.target.itlMs;
      const { rate } = times;
      const perGpu = (rate * answer) / unitGpus(layout);
      points.push({ layout, perUser: 1000 / times.tpotMs, perGpu, rate, keeps });
    }
  }
  points.sort((a, b) => b.perGpu - a.perGpu || b.perUser - a.perUser);
  let fastest = 0;
  return points.filter(({ perUser }) => {
    if (perUser <= fastest) return false;
    fastest = perUser;
    return true;
  });
}
