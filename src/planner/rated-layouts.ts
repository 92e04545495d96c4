import { candidates, withRedundancy } from "./candidates.ts";
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

/**
 * Layouts that keep a target by arithmetic and fit the budget, each with the steps that suit it best, with redundant experts and
 * without: cheapest first.
 */
export function ratedLayouts(problem: PlanProblem, target: ServiceTarget = problem.target): RatedLayout[] {
  const best = new Map<string, { readonly layout: Layout; readonly open: number }>();
  for (const layout of candidates(problem)) {
    const open = openCapacity(layout, problem, target);
    const name = nameOf(layout);
    if (open > (best.get(name)?.open ?? 0)) best.set(name, { layout, open });
  }
  const rated: RatedLayout[] = [];
  for (const { layout } of best.values()) {
    for (const one of withRedundancy(layout, problem)) {
      const open = openCapacity(one, problem, target);
      if (open === 0) continue;
      const gpus = gpusFor(one, unitsFor(problem.demand.rate, open), problem);
      rated.push({ layout: one, open, gpus, cost: costOf(one, gpus, problem) });
    }
  }
  return rated.sort((a, b) => a.cost - b.cost || b.open / b.gpus - a.open / a.gpus);
}

function nameOf({ type, prefill, decode }: Layout): string {
  const pools = prefill === null ? "" : sayShape(prefill);
  return [type.gpu.name, pools, sayShape(decode)].join(" | ");
}
