import type { Decision, Survival } from "../../src/core/planning/decision.ts";
import type { Plan } from "../../src/core/planning/plan.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import type { Placement } from "../../src/model/placement.ts";
import type { PoolCapacity } from "../../src/model/pool-capacity.ts";
import type { Loss, Outlook, Planner, Round } from "../../src/control/plan/planner.ts";

/** A planner that is lost at some questions, or takes its time, and is there again at the next. */
export class FaultyPlanner implements Planner {
  readonly #planner: Planner;
  /** So many questions are answered still. */
  #answers = Number.POSITIVE_INFINITY;
  /** So many after them are not. */
  #failures = 0;
  /** Questions are answered in their order, none before this. */
  #held: Promise<void> | null = null;

  constructor(planner: Planner) {
    this.#planner = planner;
  }

  fail(failures: number, after = 0): void {
    this.#answers = after;
    this.#failures = failures;
  }

  /** What is asked from now on is answered once the returned function was called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return () => {
      this.#held = null;
      resolve();
    };
  }

  current(): Promise<Plan> {
    return this.#ask(() => this.#planner.current());
  }
  plan(round: Round): Promise<Outlook> {
    return this.#ask(() => this.#planner.plan(round));
  }
  replan(capacity: PoolCapacity): Promise<Decision> {
    return this.#ask(() => this.#planner.replan(capacity));
  }
  reshare(placement: Placement): Promise<Plan> {
    return this.#ask(() => this.#planner.reshare(placement));
  }
  survive(loss: Loss): Promise<Survival> {
    return this.#ask(() => this.#planner.survive(loss));
  }
  learned(): Promise<ExpertLoad> {
    return this.#ask(() => this.#planner.learned());
  }
  learn(load: ExpertLoad): void {
    this.#planner.learn(load);
  }
  accept(plan: Plan): void {
    this.#planner.accept(plan);
  }
  close(): Promise<void> {
    return this.#planner.close();
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#held !== null) await this.#held;
    if (this.#answers-- > 0 || this.#failures-- <= 0) return question();
    throw new Error("the planner is lost");
  }
}
