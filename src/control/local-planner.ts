import { Balancer, type Plan } from "../core/planning/balancer.ts";
import type { Outlook, Planner, PlannerOptions, Round } from "./planner.ts";
import { relativeLoad } from "./relative-load.ts";

/** Plans on the thread it is made on: a full plan keeps that busy for milliseconds. */
export class LocalPlanner implements Planner {
  readonly #balancer: Balancer;

  /** @param startMs the time of the first round's clock */
  constructor({ model, topology, policy, cadence }: PlannerOptions, startMs: number) {
    this.#balancer = new Balancer(model, topology, policy, cadence, startMs);
  }

  async current(): Promise<Plan> {
    return this.#balancer.current;
  }

  async plan({ nowMs, window, decide }: Round): Promise<Outlook> {
    if (window.tokens > 0) this.#balancer.observe(window.load, window.spanMs, window.routing);
    return {
      decision: decide ? this.#balancer.decide(nowMs) : null,
      expertLoad: relativeLoad(this.#balancer.forecast()),
    };
  }

  accept(plan: Plan): void {
    this.#balancer.accept(plan);
  }

  async close(): Promise<void> {}
}
