import type { RoutingSource } from "../twin/routing-source.ts";
import { routingSources } from "../twin/routing-sources.ts";
import type { PlanProblem } from "./plan-problem.ts";

/** The experts that tokens take in runs of the twin, each of which begins anew. */
export function planRouting({
  model,
  seed,
  routed,
  skew,
}: Pick<PlanProblem, "model" | "seed" | "routed" | "skew">): () => RoutingSource {
  return routingSources(model, seed, routed, { skew });
}
