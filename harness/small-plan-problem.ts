import { readConstantsFile } from "../src/config/calibration/constants-file.ts";
import { chooseGpu } from "../src/config/gpus/chosen-gpu.ts";
import { loadGpu } from "../src/config/gpus/load-gpu.ts";
import { loadModel } from "../src/config/shapes.ts";
import { drawnDemand } from "../src/planner/demand.ts";
import type { PlanProblem } from "../src/planner/plan-problem.ts";
import { USUAL_PERCENTILES } from "../src/planner/service-target.ts";
import { tableOf } from "../src/twin/calibration/fitted-constants.ts";
import { modelledHardware } from "../src/twin/calibration/gpu-hardware.ts";
import { modelSizes } from "../src/twin/calibration/model-sizes.ts";

const PLACE = { sourceOf: () => "gpu", field: [] };

/** Mixtral 8x7B, which takes two GPUs at least, on up to 16 H100, with short requests: quick to plan for. */
export async function smallPlanProblem(): Promise<PlanProblem> {
  const [model, gpu, choice, { constants }] = await Promise.all([
    loadModel("mixtral-8x7b"),
    loadGpu("h100", PLACE),
    chooseGpu("h100", PLACE),
    readConstantsFile(),
  ]);
  const hardware = modelledHardware(model, choice);
  return {
    model,
    sizes: modelSizes(model, "bf16"),
    precision: "bf16",
    checkpoint: { name: "mistralai/Mixtral-8x7B-v0.1", precision: "bf16" },
    types: [{ gpu, table: tableOf(constants), hardware, overlaps: false, price: null }],
    engine: null,
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
