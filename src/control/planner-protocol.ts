import type { Plan } from "../core/planning/balancer.ts";
import type { Outlook, PlannerOptions, Round } from "./planner.ts";

/** What a planner's thread is started with. */
export interface PlannerThreadData {
  readonly options: PlannerOptions;
  readonly startMs: number;
  /** The plan in force; null before the first. */
  readonly current: Plan | null;
}

/** Gateway thread → planner thread. Questions are answered in their order. */
export type ToPlanner =
  | { readonly kind: "current" }
  | { readonly kind: "plan"; readonly round: Round }
  /** Null stands for the plan that this thread handed over last. */
  | { readonly kind: "accept"; readonly plan: Plan | null };

/** What each question is answered with. */
export interface PlannerAnswers {
  readonly current: Plan;
  readonly plan: Outlook;
}
