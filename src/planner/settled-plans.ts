import type { Plan } from "../core/planning/plan.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { type SettledPlanOptions, settledPlan } from "../twin/run/settled-plan.ts";

/** By the source of the runs that begin with them. */
const MADE = new WeakMap<() => RoutingSource, Map<string, Plan>>();

/**
 * The placement and shares that a pool has in its stride, made once for all the runs of a search.
 * @param routing of these runs: the same function, and with it the same model, for the same plans
 */
export function settledPlanOf(routing: () => RoutingSource, pool: Omit<SettledPlanOptions, "routing">): Plan {
  const made = MADE.get(routing) ?? new Map<string, Plan>();
  MADE.set(routing, made);
  const { model: _, ...rest } = pool;
  const name = JSON.stringify(rest);
  const plan = made.get(name) ?? settledPlan({ ...pool, routing: routing() });
  made.set(name, plan);
  return plan;
}
