import { fits } from "../planner/candidates.ts";
import type { Layout } from "../planner/layout.ts";
import { LoadLines } from "../planner/load-line.ts";
import { openCapacity } from "../planner/open-capacity.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { Trials } from "../planner/trials.ts";
import { gpusFor, unitsFor } from "../planner/units-needed.ts";
import type { SavedAnswer } from "./saved-plan.ts";

/** GPUs that an earlier answer's unit needs for another question, within the budget or not; null where it keeps the target at no load, or has no room. */
export async function formerUnitGpus(
  before: SavedAnswer,
  problem: PlanProblem,
  trials: Trials,
): Promise<number | null> {
  const type = problem.types.find(({ gpu }) => gpu.name === before.gpu);
  if (type === undefined) return null;
  const { prefill, decode, redundantSlots, stepTokens } = before;
  const layout: Layout = { type, prefill, decode, redundantSlots, stepTokens };
  if (!fits(layout, problem)) return null;
  const open = openCapacity(layout, problem);
  if (open === 0) return null;
  const line = await new LoadLines(trials, problem).of({ layout, open });
  return line === null ? null : gpusFor(layout, unitsFor(problem.demand.rate, line.rate), problem);
}
