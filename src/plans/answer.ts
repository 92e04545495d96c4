import { createHash } from "node:crypto";
import type { KnownTrials } from "../planner/known-trials.ts";
import { type Plan, makePlan } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { SearchResult, SearchWatch } from "../planner/search.ts";
import type { PlanInputs } from "./plan-inputs.ts";

export interface Answered {
  readonly result: Plan | SearchResult;
  readonly problem: PlanProblem;
}

/** The plan, by runs that are known as far as possible. */
export async function answer(
  { problem, errors }: PlanInputs,
  trials: KnownTrials,
  watch: SearchWatch,
): Promise<Answered> {
  return { result: await makePlan(problem, trials, errors, watch), problem };
}

/** Equal where runs of the twin are worth the same: whatever the rate, the budget, spares, prices and redundant experts. */
export function trialsKey({ demand, types, routed, ...problem }: PlanProblem): string {
  const { rate: _, ...lengths } = demand;
  const { maxGpus: __, spare: ___, redundant: ____, budget: _b, apiPrice: _a, ...rest } = problem;
  const machines = types.map(({ price: _____, table, ...type }) => ({ ...type, table: [...table] }));
  const hash = createHash("sha256").update(JSON.stringify({ lengths, machines, rest }));
  if (routed !== null) hash.update(`${routed.layers} x ${routed.topk}`).update(routed.experts);
  return hash.digest("hex").slice(0, 32);
}
