import { candidates } from "./candidates.ts";
import { type Layout, sayShape } from "./layout.ts";
import { openCapacity } from "./open-capacity.ts";
import type { PlanProblem } from "./plan-problem.ts";
import type { ServiceTarget } from "./service-target.ts";
import { costOf, gpusFor, unitsFor } from "./units-needed.ts";

/** A layout with what it carries by arithmetic. */
export interface RatedLayout {
  readonly layout: Layout;
  /** Requests per second of a unit. */
  readonly open: number;
  readonly gpus: number;
  readonly cost: number;
}

/** Layouts that keep a target by arithmetic and fit the budget, each with the steps that suit it best: cheapest first. */
export function ratedLayouts(
  problem: PlanProblem,
  target: ServiceTarget = problem.target,
  layouts: readonly Layout[] = candidates(problem),
): RatedLayout[] {
  const best = new Map<string, RatedLayout>();
  for (const layout of layouts) {
    const open = openCapacity(layout, problem, target);
    if (open === 0) continue;
    const name = nameOf(layout);
    const before = best.get(name);
    if (before !== undefined && before.open >= open) continue;
    const gpus = gpusFor(layout, unitsFor(problem.demand.rate, open), problem);
    best.set(name, { layout, open, gpus, cost: costOf(layout, gpus, problem) });
  }
  return [...best.values()].sort((a, b) => a.cost - b.cost || b.open / b.gpus - a.open / a.gpus);
}

function nameOf({ type, prefill, decode, redundantSlots }: Layout): string {
  const pools = prefill === null ? "" : sayShape(prefill);
  return [type.gpu.name, pools, sayShape(decode), redundantSlots].join(" | ");
}
