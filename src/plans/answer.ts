import { createHash } from "node:crypto";
import type { KnownTrials } from "../planner/known-trials.ts";
import { type Plan, makePlan } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { SearchResult, SearchWatch } from "../planner/search.ts";
import { formerUnitGpus } from "./former-unit.ts";
import type { PlanInputs } from "./plan-inputs.ts";
import type { SavedAnswer } from "./saved-plan.ts";

export interface Answered {
  readonly result: Plan | SearchResult;
  readonly problem: PlanProblem;
  /** GPUs that the unit of an earlier answer needs now; null where there is none, or it does not do. */
  readonly formerGpus: number | null;
}

/**
 * The plan, by runs that are known as far as possible.
 * @param before an earlier answer, to another question
 */
export async function answer(
  { problem, errors }: PlanInputs,
  trials: KnownTrials,
  watch: SearchWatch,
  before: SavedAnswer | null = null,
): Promise<Answered> {
  const result = await makePlan(problem, trials, errors, watch);
  if (before === null || watch.signal.aborted) return { result, problem, formerGpus: null };
  try {
    return { result, problem, formerGpus: await formerUnitGpus(before, problem, trials) };
  } catch (error) {
    if (watch.signal.aborted) return { result, problem, formerGpus: null };
    throw error;
  }
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
