import type { Gpu } from "../model/gpu.ts";
import type { Layout } from "./layout.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import type { ServiceTarget } from "./service-target.ts";

const LEAST = 1e-3;
/** From one power of four to the next, to a millionth. */
const HALVINGS = 22;

/** Requests per second that a unit carries within the target, by arithmetic; 0 where none does. */
export function openCapacity(
  layout: Layout,
  problem: PlanProblem,
  target: ServiceTarget = problem.target,
  gpu: Gpu = layout.type.gpu,
): number {
  const unit = new OpenUnit(layout, problem, gpu);
  const keeps = (rate: number): boolean => {
    const times = unit.at(rate);
    return times !== null && times.ttftP95Ms <= target.ttftMs && times.itlP95Ms <= target.itlMs;
  };
  if (!keeps(LEAST)) return 0;
  let low = LEAST;
  let high = 4 * LEAST;
  while (keeps(high) && high < 1e9) [low, high] = [high, high * 4];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (keeps(middle)) low = middle;
    else high = middle;
  }
  return low;
}
