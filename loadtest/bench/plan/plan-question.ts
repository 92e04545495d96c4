import type { PlanFlags } from "../../../src/plans/plan-flags.ts";
import { type PlanInputs, readPlanProblem } from "../../../src/plans/plan-inputs.ts";
import { type FittedEngine, FITTED_ENGINES } from "../../../src/model/fitted-engine.ts";
import type { ServingPoint } from "../../../src/twin/calibration/serving-point.ts";

/** Who may be asked of a measured point: `plan` with the point's model, precision, GPU and engine. */
export function readQuestion(
  { model, gpu, precision, backend }: Pick<ServingPoint, "model" | "gpu" | "precision" | "backend">,
  asked: Partial<PlanFlags>,
): Promise<PlanInputs> {
  const engine = FITTED_ENGINES.find((one): one is FittedEngine => one === backend);
  return readPlanProblem({
    model: model.name,
    gpu: gpu.name,
    precision,
    ...(engine === undefined ? {} : { engine }),
    spare: "0",
    maxGpus: 64,
    seed: 1,
    ...asked,
  });
}
