import { type Layout, type PlanGpu, unitGpus } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";

/** Units that carry the demand, each up to its capacity, without those to spare. @param capacity requests per second of one, > 0 */
export function unitsFor(rate: number, capacity: number): number {
  return Math.max(1, Math.ceil(rate / capacity - 1e-9));
}

/** GPUs of so many units and those to spare. */
export function gpusFor(layout: Layout, units: number, { spare }: Pick<PlanProblem, "spare">): number {
  return unitGpus(layout) * (units + spare);
}

/** What a plan is to have little of: dollars an hour where every type has a price, else GPUs. */
export function costOf(layout: Layout, gpus: number, { types }: Pick<PlanProblem, "types">): number {
  return types.every(({ price }) => price !== null) ? gpus * (layout.type.price ?? 0) : gpus;
}

/** GPUs of a type that the budget has. */
export function mostGpus(
  { price }: PlanGpu,
  { maxGpus, budget }: Pick<PlanProblem, "maxGpus" | "budget">,
): number {
  return budget === null || price === null ? maxGpus : Math.min(maxGpus, Math.floor(budget / price + 1e-9));
}
