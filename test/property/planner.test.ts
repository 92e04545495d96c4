import fc from "fast-check";
import { expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import { drawnDemand } from "../../src/planner/demand.ts";
import { KnownTrials } from "../../src/planner/known-trials.ts";
import { LoadLines } from "../../src/planner/load-line.ts";
import type { PlanProblem } from "../../src/planner/plan-problem.ts";
import { ratedLayouts } from "../../src/planner/rated-layouts.ts";
import { type SearchResult, search } from "../../src/planner/search.ts";
import { USUAL_PERCENTILES, type ServiceTarget } from "../../src/planner/service-target.ts";
import { TrialsHere } from "../../src/planner/trials-here.ts";
import { gridOf } from "../../src/planner/load-grid.ts";
import { runs } from "../runs.ts";

const SEED = 23;
const RUNS = runs(2);
const PROBLEM = { ...(await smallPlanProblem()), maxGpus: 8 };
const { prompt, answer } = PROBLEM.demand;
/** Fewer than usual: runs are quick, and percentiles rough. */
const REQUESTS = 100;
const OTHER_SEED = 1000;
const UNWATCHED = { progress: () => undefined, signal: new AbortController().signal };

const rate = fc.double({ min: 1, max: 60, noNaN: true });
const twoRates = fc.tuple(rate, rate).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

function demandOf(requestsPerSecond: number): PlanProblem["demand"] {
  return drawnDemand(requestsPerSecond, prompt, answer);
}

function trialsOf(problem: PlanProblem): KnownTrials {
  return new KnownTrials(new TrialsHere(problem, REQUESTS));
}

/** Each search learns its load lines anew: what it finds must not depend on what was asked before. */
function searched(problem: PlanProblem, trials: KnownTrials): Promise<SearchResult> {
  return search(problem, new LoadLines(trials, problem), UNWATCHED);
}

/** No plan is worse than any. */
function gpusOf({ best }: SearchResult): number {
  return best?.gpus ?? Number.POSITIVE_INFINITY;
}

test("more traffic never needs fewer GPUs, and the plan keeps its target at another seed", async () => {
  const trials = trialsOf(PROBLEM);
  await fc.assert(
    fc.asyncProperty(twoRates, async ([less, more]) => {
      const fewer = await searched({ ...PROBLEM, demand: demandOf(less) }, trials);
      const { best, ...rest } = await searched({ ...PROBLEM, demand: demandOf(more) }, trials);
      expect(gpusOf({ best, ...rest })).toBeGreaterThanOrEqual(gpusOf(fewer));
      if (best === null) return;
      expect(best.trials.every(({ keeps }) => keeps)).toBe(true);
      const { layout, units } = best;
      const other = await trials.run({
        layout,
        power: gridOf(PROBLEM.demand).powerFor(more / units),
        seed: OTHER_SEED,
      });
      expect({ keeps: other.keeps, most: other.attainment > 0.9 }).toEqual({ keeps: true, most: true });
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test("a looser target never needs more GPUs", async () => {
  const factor = fc.double({ min: 1, max: 2, noNaN: true });
  await fc.assert(
    fc.asyncProperty(rate, factor, factor, async (asked, ttft, itl) => {
      const at = async (target: ServiceTarget) => {
        const problem = { ...PROBLEM, demand: demandOf(asked), target };
        return gpusOf(await searched(problem, trialsOf(problem)));
      };
      const { ttftMs, itlMs } = PROBLEM.target;
      const looser = await at({ ...PROBLEM.target, ttftMs: ttft * ttftMs, itlMs: itl * itlMs });
      expect(looser).toBeLessThanOrEqual(await at(PROBLEM.target));
    }),
    { seed: SEED, numRuns: RUNS },
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
    { seed: SEED, numRuns: runs(5) },
  );
});
