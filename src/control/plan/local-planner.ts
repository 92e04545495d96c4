import { Balancer } from "../../core/planning/balancer.ts";
import type { Decision, Survival } from "../../core/planning/decision.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { Loss, Outlook, Planner, PlannerOptions, Round } from "./planner.ts";
import { relativeLoad } from "./relative-load.ts";

/** Plans on the thread it is made on: a full plan keeps that busy for milliseconds. */
export class LocalPlanner implements Planner {
  readonly #balancer: Balancer;

  /** @param startMs the time of the first round's clock */
  constructor({ model, topology, policy, cadence, machine }: PlannerOptions, startMs: number) {
    this.#balancer = new Balancer(model, topology, policy, cadence, startMs, machine);
  }

  async current(): Promise<Plan> {
    return this.#balancer.current;
  }

  async plan({ nowMs, windows, decide, capacity }: Round): Promise<Outlook> {
    for (const window of windows)
      if (window.tokens > 0) this.#balancer.observe(window.load, window.spanMs, window.routing, window);
    return {
      decision: decide ? this.#balancer.decide(nowMs, capacity) : null,
      expertLoad: relativeLoad(this.#balancer.forecast()),
    };
  }

  async replan(capacity: PoolCapacity): Promise<Decision> {
    return this.#balancer.replan(capacity);
  }

  async reshare(placement: Placement): Promise<Plan> {
    return this.#balancer.reshare(placement);
  }

  async survive({ lost, capacity }: Loss): Promise<Survival> {
    return this.#balancer.survive(lost, capacity);
  }

  async learned(): Promise<ExpertLoad> {
    return this.#balancer.forecast();
  }

  learn(load: ExpertLoad): void {
    this.#balancer.learn(load);
  }

  accept(plan: Plan): void {
    this.#balancer.accept(plan);
  }

  async close(): Promise<void> {}
}
