import type { BalancePolicy } from "../core/planning/balance-policy.ts";
import type { Decision, Plan } from "../core/planning/balancer.ts";
import type { Cadence } from "../model/cadence.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { PoolReport } from "../model/pool-report.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import type { Topology } from "../model/topology.ts";

/** Plans for one pool. Nothing changes until `accept`. */
export interface Planner {
  /** The plan in force; before anything was accepted, one for a uniform load. */
  current(): Promise<Plan>;
  /** Rejects when the planner was lost on the way: the round is lost with it, the next one goes on. */
  plan(round: Round): Promise<Outlook>;
  /** The plan was carried out: it is the current one. */
  accept(plan: Plan): void;
  close(): Promise<void>;
}

/** One round of the control loop. */
export interface Round {
  readonly nowMs: number;
  readonly window: PoolWindow;
  /** Whether a decision is wanted; else the window is only counted in. */
  readonly decide: boolean;
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
}
