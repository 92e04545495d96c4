import type { BalancePolicy } from "../../core/planning/balance-policy.ts";
import type { Machine } from "../../core/planning/machine.ts";
import type { Decision, Survival } from "../../core/planning/decision.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { Topology } from "../../model/topology.ts";

/**
 * Plans for one pool. Nothing changes until `accept`. What is asked rejects when the planner was lost on the way; the
 * next question is answered again.
 */
export interface Planner {
  /** The plan in force; before anything was accepted, one for a uniform load. */
  current(): Promise<Plan>;
  plan(round: Round): Promise<Outlook>;
  /** Weighs placements now. */
  replan(capacity: PoolCapacity): Promise<Decision>;
  /** Shares for a placement, by the load expected next. */
  reshare(placement: Placement): Promise<Plan>;
  /** What is left, and what can be done at once, when ranks are lost. */
  survive(loss: Loss): Promise<Survival>;
  /** The load expected next, tokens per second; all zeros before anything was observed. */
  learned(): Promise<ExpertLoad>;
  /** Begins with what another planner had learned. */
  learn(load: ExpertLoad): void;
  /** The plan was carried out: it is the current one. */
  accept(plan: Plan): void;
  close(): Promise<void>;
}

/** What the control loop has seen since it asked last. */
export interface Round {
  readonly nowMs: number;
  /** The oldest first. */
  readonly windows: readonly PoolWindow[];
  /** Whether a decision is wanted; else the windows are only counted in. */
  readonly decide: boolean;
  /** What may be placed where. */
  readonly capacity: PoolCapacity;
}

export interface Loss {
  /** Ranks that hold nothing any more. */
  readonly lost: readonly number[];
  readonly capacity: PoolCapacity;
}

export interface Outlook {
  /** Null when none was wanted, or there is nothing to decide yet. */
  readonly decision: Decision | null;
  readonly expertLoad: PoolReport["expertLoad"];
}

export interface PlannerOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly policy: BalancePolicy;
  readonly cadence: Cadence;
  /** What the pool's steps and moves are priced by. */
  readonly machine: Machine;
}
