import type { PlanProblem } from "./plan-problem.ts";
import type { Confirmed } from "./search.ts";
import { gpusFor, mostGpus, unitsFor } from "./units-needed.ts";

/** Times the demand. */
const FACTORS = [0.5, 0.75, 1.25, 1.5, 2, 3, 5];

/** What a plan's layout needs at other traffic of the same kind, each unit up to its load line. */
export interface AtTraffic {
  readonly factor: number;
  readonly gpus: number;
  /** Whether these are in the budget. */
  readonly affordable: boolean;
}

/** What the layout that was chosen needs under more and less traffic than the demand. */
export function trafficFactors({ layout, line }: Confirmed, problem: PlanProblem): AtTraffic[] {
  const { demand } = problem;
  return FACTORS.map((factor) => {
    const gpus = gpusFor(layout, unitsFor(factor * demand.rate, line.rate), problem);
    return { factor, gpus, affordable: gpus <= mostGpus(layout.type, problem) };
  });
}
