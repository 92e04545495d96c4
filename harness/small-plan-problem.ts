import { readConstantsFile } from "../src/config/calibration/constants-file.ts";
import { chooseGpu } from "../src/config/gpus/chosen-gpu.ts";
import { loadGpu } from "../src/config/gpus/load-gpu.ts";
import { loadModel } from "../src/config/shapes.ts";
import type { FittedEngine } from "../src/model/fitted-engine.ts";
import { precisionOf } from "../src/model/serving-precision.ts";
import { drawnDemand } from "../src/planner/demand.ts";
import type { PlanProblem } from "../src/planner/plan-problem.ts";
import { USUAL_PERCENTILES } from "../src/planner/service-target.ts";
import { tableOf } from "../src/twin/calibration/fitted-constants.ts";
import { modelledHardware } from "../src/twin/calibration/gpu-hardware.ts";
import { modelSizes } from "../src/twin/calibration/model-sizes.ts";

const PLACE = { sourceOf: () => "gpu", field: [] };

/** A model in its own precision on up to 16 GPUs of a type, with short requests. */
export async function planProblem(
  name: string,
  type: string,
  engine: FittedEngine | null = null,
): Promise<PlanProblem> {
  const [model, gpu, choice, { constants }] = await Promise.all([
    loadModel(name),
    loadGpu(type, PLACE),
    chooseGpu(type, PLACE, engine),
    readConstantsFile(),
  ]);
  const hardware = modelledHardware(model, choice);
  const precision = precisionOf(model.precision);
  return {
    model,
    sizes: modelSizes(model, precision),
    precision,
    checkpoint: { name, precision },
    types: [{ gpu, table: tableOf(constants), hardware, overlaps: choice === null, price: null }],
    engine,
    demand: drawnDemand(1, 256, 12),
    target: { ttftMs: 300, itlMs: 25, ...USUAL_PERCENTILES },
    maxGpus: 16,
    budget: null,
    apiPrice: null,
    spare: 0,
    redundant: null,
    skew: 1,
    routed: null,
    seed: 3,
  };
}

/** Mixtral 8x7B, which takes two GPUs at least, on H100: quick to plan for. */
export async function smallPlanProblem(): Promise<PlanProblem> {
  const problem = await planProblem("mixtral-8x7b", "h100");
  return { ...problem, checkpoint: { name: "mistralai/Mixtral-8x7B-v0.1", precision: "bf16" } };
}
