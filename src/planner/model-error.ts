import type { Layout } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { openCapacity } from "./open-capacity.ts";
import { candidates } from "./candidates.ts";
import { costOf, gpusFor, mostGpus, unitsFor } from "./units-needed.ts";

/** How far times may be off, in parts of what is predicted: 0.3 is 30 %. */
export interface TimeError {
  readonly ttft: number;
  readonly itl: number;
}

/** What a plan needs where the model is off so far. */
export interface OffBy {
  /** Factors on times. */
  readonly ttft: number;
  readonly itl: number;
  /** Of the plan's own layout; null where that keeps the target at no rate then, or beyond the budget. */
  readonly gpus: number | null;
  /** Of whatever layout is best then; null where none keeps the target within the budget. */
  readonly anyGpus: number | null;
}

/**
 * GPUs where every time is really longer (or shorter) by a factor. A system whose steps take `itl` times as long is the same
 * system on a slower clock: it carries 1/itl of what it would at targets divided by the factors.
 * @param ratio of the plan's layout, what the twin says it carries over what arithmetic says
 */
export function gpusIfOff(
  layout: Layout,
  problem: PlanProblem,
  ratio: number,
  ttft: number,
  itl: number,
): OffBy {
  const { target, demand } = problem;
  const divided = { ...target, ttftMs: target.ttftMs / ttft, itlMs: target.itlMs / itl };
  // Users' thoughts are the shorter on a slower clock, and as many of them wait; rates are lower.
  const { arrivals } = demand;
  const waits = arrivals.kind === "users";
  const slower = waits
    ? { ...problem, demand: { ...demand, arrivals: { ...arrivals, thinkMs: arrivals.thinkMs / itl } } }
    : problem;
  const gpusOf = (one: Layout): number | null => {
    const capacity = openCapacity(one, slower, divided) * (waits ? 1 : 1 / itl) * ratio;
    if (capacity === 0) return null;
    const gpus = gpusFor(one, unitsFor(demand.rate, capacity), problem);
    return gpus <= mostGpus(one.type, problem) ? gpus : null;
  };
  let any: { readonly gpus: number; readonly cost: number } | null = null;
  for (const one of candidates(problem)) {
    const gpus = gpusOf(one);
    if (gpus === null) continue;
    const cost = costOf(one, gpus, problem);
    if (any === null || cost < any.cost) any = { gpus, cost };
  }
  return { ttft, itl, gpus: gpusOf(layout), anyGpus: any?.gpus ?? null };
}
