import type { PlanProblem } from "../planner/plan-problem.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { routingSources } from "../twin/routing-sources.ts";

/** Which experts a plan's tokens take. */
export function routingOf({ model, seed }: PlanProblem): () => RoutingSource {
  return routingSources(model, seed, null);
}
