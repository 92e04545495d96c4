import { expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import { drawnDemand, tracedDemand } from "../../src/planner/demand.ts";
import { candidates } from "../../src/planner/candidates.ts";
import { unitGpus } from "../../src/planner/layout.ts";
import type { Plan } from "../../src/planner/plan.ts";
import { apiCostOf, readApiPrice } from "../../src/plans/api-cost.ts";

const PROBLEM = await smallPlanProblem();

/** As far as costs look at it. */
const planOf = (rate: number, use: number, useWithoutSpare: number) =>
  ({ rate, use, useWithoutSpare }) as unknown as Plan;

test("an API costs what it is asked, and GPUs what they are", () => {
  const problem = {
    ...PROBLEM,
    demand: drawnDemand(10, 1000, 200),
    apiPrice: readApiPrice("in=0.5, out=2"),
  };
  // 10 requests a second of 0.09 cents.
  const api = apiCostOf(planOf(10, 0.4, 0.5), problem, 16.2);
  expect(api?.dollarsPerHour).toBeCloseTo(32.4, 9);
  expect(api?.perMillionTokens).toBeCloseTo(0.75, 9);
  expect(api?.beside?.ratio).toBeCloseTo(0.5, 9);
  expect(api?.beside?.evenAtUse).toBeCloseTo(0.2, 9);
  expect(api?.beside?.carried).toBe(true);
  // Three times as dear as the API: even at a load that the rest does not carry without the spare.
  const dear = apiCostOf(planOf(10, 0.4, 0.5), problem, 97.2)?.beside;
  expect(dear?.ratio).toBeCloseTo(3, 9);
  expect(dear?.carried).toBe(false);
  expect(apiCostOf(planOf(10, 0.4, 0.5), problem, null)?.beside).toBeNull();
  expect(apiCostOf(planOf(10, 0.4, 0.5), PROBLEM, 1)).toBeNull();
});

test("prompt tokens that begin as an earlier prompt did are cached", () => {
  const asked = (arrivalMs: number, inputTokens: number, prefixBlocks: readonly number[]) => {
    return { arrivalMs, inputTokens, outputTokens: 100, prefixBlocks };
  };
  // Of 1000 + 1500 + 1500 tokens two blocks are known, and the third prompt begins otherwise.
  const demand = tracedDemand([
    asked(0, 1000, [1, 2]),
    asked(1000, 1500, [1, 2, 3]),
    asked(2000, 1500, [4, 2, 3]),
  ]);
  const priced = (text: string) =>
    apiCostOf(planOf(1, 1, 1), { ...PROBLEM, demand, apiPrice: readApiPrice(text) }, null);
  expect(priced("in=1,out=1")?.cachedPart).toBeCloseTo(1000 / 4000, 1);
  const [full, cached] = ["in=1,out=1", "in=1,out=1,cached=0"].map(
    (text) => priced(text)?.dollarsPerHour ?? 0,
  );
  const part = (1024 / 4000) * demand.prompt;
  expect(full - cached).toBeCloseTo((3600 * part) / 1e6, 9);
});

test("a budget is a number of GPUs of each type", () => {
  const [type] = PROBLEM.types;
  const problem = { ...PROBLEM, types: [{ ...type, price: 2 }], budget: 9 };
  const most = Math.max(...candidates(problem).map(unitGpus));
  expect(most).toBe(4);
  expect(Math.max(...candidates({ ...problem, budget: null }).map(unitGpus))).toBe(16);
});
