import type { Plan } from "../../core/planning/plan.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Planner, PlannerOptions } from "./planner.ts";

/** What a planner's thread is started with. */
export interface PlannerThreadData {
  readonly options: PlannerOptions;
  readonly startMs: number;
  /** The plan in force; null before the first. */
  readonly current: Plan | null;
}

/** What a planner is asked, and what each question is answered with. */
export type Questions = Pick<Planner, "current" | "plan" | "replan" | "reshare" | "survive" | "learned">;

/** Gateway thread → planner thread. Questions are answered in their order. */
export type ToPlanner =
  | { readonly kind: "ask"; readonly question: keyof Questions; readonly about: readonly unknown[] }
  | { readonly kind: "learn"; readonly load: ExpertLoad }
  | { readonly kind: "accept"; readonly plan: Plan };
