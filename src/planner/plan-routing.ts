import type { RoutingSource } from "../twin/routing-source.ts";
import { routingSources } from "../twin/routing-sources.ts";
import type { PlanProblem } from "./plan-problem.ts";

/** The experts that tokens take in runs of the twin, each of which begins anew. */
export type PlanRouting = () => RoutingSource;

/** Those of a problem, made once for each skew, so that runs share what is known of them. */
export class PlanRoutings {
  readonly #problem: Pick<PlanProblem, "model" | "seed" | "routed" | "skew">;
  readonly #made = new Map<number, PlanRouting>();

  constructor(problem: Pick<PlanProblem, "model" | "seed" | "routed" | "skew">) {
    this.#problem = problem;
  }

  /** @param skew another one than the problem's */
  at(skew: number = this.#problem.skew): PlanRouting {
    const { model, seed, routed } = this.#problem;
    const made = this.#made.get(skew) ?? routingSources(model, seed, routed, { skew });
    this.#made.set(skew, made);
    return made;
  }
}
