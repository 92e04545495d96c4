import type { BalancePolicy } from "../../core/planning/balance-policy.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { RankAssignment } from "../../model/rank-assignment.ts";
import type { ServingPrecision } from "../../model/serving-precision.ts";
import type { Topology } from "../../model/topology.ts";
import type { ModelSizes } from "../../twin/calibration/model-sizes.ts";
import type { Batching } from "../../twin/pool/batching.ts";
import type { RoutingSource } from "../../twin/routing-source.ts";
import type { FittedEngine } from "../../model/fitted-engine.ts";
import { type Layout, type PlanGpu, unitGpus, unitTopology } from "../layout.ts";

/** A unit as it runs: an engine, or a pool for prompts beside one for answers, with all that the twin needs of it. */
export interface RunningUnit {
  /** As arithmetic sees it. */
  readonly layout: Layout;
  /** Places for experts, of prompts and of answers; null where the same GPUs do both. */
  readonly prefill: Topology | null;
  readonly decode: Topology;
  /** How the ranks that answer, and those that do prompts for them, get their requests. */
  readonly assignment: RankAssignment;
  readonly prefillAssignment: RankAssignment;
  readonly batching: Batching;
  readonly policy: BalancePolicy;
  /** Placement and shares in force, of the GPUs that decode; null where nobody knows them. */
  readonly begins: Plan | null;
}

/** A pool as it runs: so many units alike, each with its part of the requests. */
export interface RunningPool {
  readonly model: MoeModel;
  readonly sizes: ModelSizes;
  readonly precision: ServingPrecision;
  readonly type: PlanGpu;
  /** Whose constants arithmetic goes by; null for none in particular. */
  readonly engine: FittedEngine | null;
  readonly unit: RunningUnit;
  readonly units: number;
  /** Milliseconds of a first token that pass outside the pool; null for what engines that were measured have. */
  readonly outsideMs: number | null;
  /** Where tokens get their experts from; and the tokens that these are read from, null where they are drawn. */
  readonly routing: () => RoutingSource;
  readonly routed: RoutingTrace | null;
  /** Tokens by expert as they are now; null where nobody counts them. */
  readonly load: ExpertLoad | null;
}

/** GPUs of all units. */
export function poolGpus({ unit, units }: Pick<RunningPool, "unit" | "units">): number {
  return units * unitGpus(unit.layout);
}

/** Another layout of the same pool, as engines lay experts out; nothing is placed there yet. */
export function unitOf(layout: Layout, like: RunningUnit, experts: number): RunningUnit {
  const { prefill, decode, stepTokens } = layout;
  const places = (shape: Layout["decode"]) => unitTopology(layout, shape, experts);
  return {
    ...like,
    layout,
    prefill: prefill === null ? null : places(prefill),
    decode: places(decode),
    // Apart, each half has what gateways route it by.
    assignment: prefill !== null && like.prefill === null ? "decode" : like.assignment,
    batching: { ...like.batching, stepTokens },
    begins: null,
  };
}
