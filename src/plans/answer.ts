import { createHash } from "node:crypto";
import type { KnownTrials } from "../planner/known-trials.ts";
import { LoadLines } from "../planner/load-line.ts";
import { type Plan, isPlan, makePlan } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { SearchResult, SearchWatch } from "../planner/search.ts";
import type { PlanInputs } from "./plan-inputs.ts";

/** Users wait for their answers, and so ask the more often the faster these are: rates are planned until they agree. */
const MOST_ROUNDS = 4;
const AGREES = 1.02;

export interface Answered {
  readonly result: Plan | SearchResult;
  /** With the rate that users were found to ask at. */
  readonly problem: PlanProblem;
}

/** Plans, until the rate of users and their answers agree. */
export async function answer(
  { problem, errors, users }: PlanInputs,
  trials: KnownTrials,
  watch: SearchWatch,
): Promise<Answered> {
  let asked = problem;
  for (let round = 1; ; round++) {
    const result = await makePlan(asked, new LoadLines(trials, problem.seed), errors, watch);
    const done = { result, problem: asked };
    if (users === null || !isPlan(result) || round === MOST_ROUNDS || watch.signal.aborted) return done;
    const rate = users.rateAt(answerSeconds(result));
    if (rate <= asked.demand.rate * AGREES) return done;
    asked = { ...problem, demand: users.demandOf(rate) };
  }
}

/** Of the faster of its runs. */
function answerSeconds({ chosen }: Plan): number {
  return Math.min(...chosen.trials.map(({ e2eMs }) => e2eMs ?? 0)) / 1000;
}

/** Equal where runs of the twin are worth the same: whatever the rate, the budget, spares, prices and redundant experts. */
export function trialsKey({ demand, types, routed, ...problem }: PlanProblem): string {
  const { rate: _, ...lengths } = demand;
  const { maxGpus: __, spare: ___, redundant: ____, ...rest } = problem;
  const machines = types.map(({ price: _____, table, ...type }) => ({ ...type, table: [...table] }));
  const hash = createHash("sha256").update(JSON.stringify({ lengths, machines, rest }));
  if (routed !== null) hash.update(`${routed.layers} x ${routed.topk}`).update(routed.experts);
  return hash.digest("hex").slice(0, 32);
}
