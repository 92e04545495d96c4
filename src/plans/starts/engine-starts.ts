import type { MoeModel } from "../../model/moe-model.ts";
import { type Layout, gpusOf } from "../../planner/layout.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { Parallelism } from "../../twin/calibration/serving-point.ts";
import type { EngineStart, PoolRole } from "./engine-start.ts";

/** Where weights lie whose name nobody said. */
const OWN_WEIGHTS = "/models/WEIGHTS";

/** How the pools of a unit are started: one, or one for prompts and one for answers. */
export function engineStarts(plan: Plan, problem: PlanProblem): EngineStart[] {
  const { prefill, decode } = plan.chosen.layout;
  const start = (role: PoolRole, shape: Parallelism) => startOf(role, shape, plan, problem);
  return prefill === null ? [start("engine", decode)] : [start("prefill", prefill), start("decode", decode)];
}

function startOf(role: PoolRole, shape: Parallelism, plan: Plan, problem: PlanProblem): EngineStart {
  const { model, checkpoint, precision } = problem;
  const { type, stepTokens } = plan.chosen.layout;
  const { nodeGpus, scaleUp } = type.gpu;
  const gpus = gpusOf(shape);
  return {
    role,
    shape,
    stepTokens,
    running: plan.running,
    experts: model.experts,
    redundantExperts: redundantOf(shape, plan.chosen.layout, model.experts),
    name: model.name,
    checkpoint: checkpoint.name ?? OWN_WEIGHTS,
    quantize: checkpoint.precision === "bf16" && precision === "fp8" ? "fp8" : null,
    cacheFp8: keepsFp8(model),
    nodes: Math.ceil(gpus / nodeGpus),
    oneDomain: gpus <= scaleUp.gpus,
  };
}

/** What fills the slots of its GPUs, which are as many on each: engines refuse others. */
function redundantOf({ ep }: Parallelism, { redundantSlots }: Layout, experts: number): number {
  return ep === 1 ? 0 : ep * Math.min(experts, Math.ceil(experts / ep) + redundantSlots) - experts;
}

/** A byte for each key and value. */
function keepsFp8({ attention }: MoeModel): boolean {
  return attention.some((kind) => kind.kind !== "linear" && kind.cacheBytes === 1);
}
