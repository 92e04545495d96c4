import { milliseconds, threeDigits } from "../lib/number-text.ts";
import { sayLayout } from "../planner/layout.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import { targetNames } from "./plan-terms.ts";
import type { SearchResult } from "../planner/search.ts";

/** Why there is no plan. */
export function noPlanText(
  { rated, tried, nearest }: SearchResult,
  { target, maxGpus, budget }: PlanProblem,
): string {
  const { ttft, itl } = targetNames(target);
  const asked = `${ttft} ${target.ttftMs} ms and ${itl} ${target.itlMs} ms`;
  if (rated.length === 0 || nearest === null)
    return `no layout keeps ${asked} at any rate, by arithmetic; relax a target, or try another type of GPU or precision`;
  const { layout, trial } = nearest;
  const has = `${ttft} ${milliseconds(trial.ttftMs)} ms and ${itl} ${milliseconds(trial.itlMs)} ms at ${threeDigits(trial.rate)} requests/s a unit`;
  const run =
    tried.length === 0
      ? "by arithmetic no layout carries it"
      : `the twin refutes the ${tried.length} layouts that it ran`;
  const but = trial.keeps ? ", but no longer at a fifth more, which is kept in hand" : "";
  return `no plan within ${budget === null ? `--max-gpus ${maxGpus}` : `--budget ${budget}`} keeps ${asked}: ${run}; the best by arithmetic (${sayLayout(layout)}) has ${has}${but}; raise the budget, or relax a target`;
}
