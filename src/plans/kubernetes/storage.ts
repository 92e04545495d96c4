import { servedIn } from "../../model/serving-precision.ts";
import { modelBytes } from "../../planner/physical-bounds.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { modelSizes } from "../../twin/calibration/model-sizes.ts";
import type { KubeBody } from "./document.ts";
import { planName } from "./names.ts";

const GIB = 2 ** 30;
/** A checkpoint has more in it than the weights that are counted, and a newer one may come beside it. */
const ROOM = 1.5;
const ROUND_GIB = 50;
/** Bytes per second that weights are read at, at the least: over a network. */
const SLOW_READING = 200e6;
/** Seconds to compile and to record graphs. */
const SETTING_UP = 900;

export function weightsName(model: string): string {
  return `${planName(model)}-weights`;
}

/** Where all pods find the weights, and the first one may load them to. */
export function weightsClaim(problem: PlanProblem): KubeBody {
  const { name } = problem.model;
  const gib = Math.ceil((ROOM * storedBytes(problem)) / GIB / ROUND_GIB) * ROUND_GIB;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: weightsName(name) },
    spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: `${gib}Gi` } } },
  };
}

/** Seconds that an engine may take from its start to its first answer. */
export function startSeconds(problem: PlanProblem): number {
  return Math.ceil(storedBytes(problem) / SLOW_READING) + SETTING_UP;
}

/** Weights as they lie there. */
function storedBytes({ model, checkpoint: { precision } }: PlanProblem): number {
  return modelBytes(modelSizes(servedIn(model, precision), precision));
}
