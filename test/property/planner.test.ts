import fc from "fast-check";
import { expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import { drawnDemand } from "../../src/planner/demand.ts";
import { LoadLines } from "../../src/planner/load-line.ts";
import type { PlanProblem } from "../../src/planner/plan-problem.ts";
import { ratedLayouts } from "../../src/planner/rated-layouts.ts";
import { type SearchResult, search } from "../../src/planner/search.ts";
import { USUAL_PERCENTILES, type ServiceTarget } from "../../src/planner/service-target.ts";
import { trial } from "../../src/planner/trial.ts";
import { routingSources } from "../../src/twin/routing-sources.ts";

const SEED = 23;
/** No layout that could be better is left out. */
const ALL = 1000;
const PROBLEM = { ...(await smallPlanProblem()), maxGpus: 8 };
const { prompt, answer } = PROBLEM.demand;
const ROUTING = routingSources(PROBLEM.model, PROBLEM.seed, null);
/** Fewer than usual: runs are quick, and percentiles rough. */
const REQUESTS = 100;
const OTHER_SEED = 1000;

const rate = fc.double({ min: 1, max: 60, noNaN: true });
const twoRates = fc.tuple(rate, rate).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

function demandOf(requestsPerSecond: number): PlanProblem["demand"] {
  return drawnDemand(requestsPerSecond, prompt, answer);
}

function searched(problem: PlanProblem, lines: LoadLines): SearchResult {
  return ended(search(problem, lines, ALL));
}

function ended<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
  }
}

/** No plan is worse than any. */
function gpusOf({ best }: SearchResult): number {
  return best?.gpus ?? Number.POSITIVE_INFINITY;
}

test("more traffic never needs fewer GPUs, and the plan keeps its target at another seed", () => {
  const lines = new LoadLines(PROBLEM, ROUTING, REQUESTS);
  fc.assert(
    fc.property(twoRates, ([less, more]) => {
      const plans = [less, more].map((one) => searched({ ...PROBLEM, demand: demandOf(one) }, lines));
      expect(gpusOf(plans[1])).toBeGreaterThanOrEqual(gpusOf(plans[0]));
      const { best } = plans[1];
      if (best === null) return;
      expect(best.trials.every(({ keeps }) => keeps)).toBe(true);
      const problem = { ...PROBLEM, demand: demandOf(more) };
      const asked = {
        rate: more / best.units,
        seed: OTHER_SEED,
        requests: REQUESTS,
        tpotMs: 20,
        routing: ROUTING,
      };
      const { attainment, keeps } = ended(trial(best.layout, problem, asked));
      expect({ keeps, most: attainment > 0.9 }).toEqual({ keeps: true, most: true });
    }),
    { seed: SEED, numRuns: 2 },
  );
});

test("a looser target never needs more GPUs", () => {
  const factor = fc.double({ min: 1, max: 2, noNaN: true });
  fc.assert(
    fc.property(rate, factor, factor, (asked, ttft, itl) => {
      const at = (target: ServiceTarget) => {
        const problem = { ...PROBLEM, demand: demandOf(asked), target };
        return gpusOf(searched(problem, new LoadLines(problem, ROUTING, REQUESTS)));
      };
      const { ttftMs, itlMs } = PROBLEM.target;
      expect(at({ ...PROBLEM.target, ttftMs: ttft * ttftMs, itlMs: itl * itlMs })).toBeLessThanOrEqual(
        at(PROBLEM.target),
      );
    }),
    { seed: SEED, numRuns: 1 },
  );
});

test("by arithmetic alone, too, for many rates and targets", () => {
  const target = fc.record({
    ttftMs: fc.double({ min: 120, max: 3000, noNaN: true }),
    itlMs: fc.double({ min: 5, max: 100, noNaN: true }),
    ttftPercentile: fc.constant(USUAL_PERCENTILES.ttftPercentile),
    itlPercentile: fc.constant(USUAL_PERCENTILES.itlPercentile),
  });
  const gpus = (asked: number, one: ServiceTarget) =>
    ratedLayouts({ ...PROBLEM, demand: demandOf(asked) }, one)[0]?.gpus ?? Number.POSITIVE_INFINITY;
  fc.assert(
    fc.property(twoRates, target, ([less, more], one) => {
      expect(gpus(more, one)).toBeGreaterThanOrEqual(gpus(less, one));
      expect(gpus(more, { ...one, ttftMs: 1.5 * one.ttftMs, itlMs: 1.5 * one.itlMs })).toBeLessThanOrEqual(
        gpus(more, one),
      );
    }),
    { seed: SEED, numRuns: 5 },
  );
});
