import { z } from "zod";
import { type EngineShape, rankCount } from "../model/engine-shape.ts";
import { FITTED_ENGINES } from "../model/fitted-engine.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RankAssignment } from "../model/rank-assignment.ts";
import { SERVING_PRECISIONS, servedIn } from "../model/serving-precision.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import { type ChosenGpu, chooseGpu } from "./gpus/chosen-gpu.ts";
import { type Place, faultAt, inside } from "./place.ts";

const parts = z.strictObject({ tp: z.int().positive().max(1024) });

/** The keys of a scenario that say what its pools run on, and how GPUs share a model. */
export const hardwareShape = {
  /** A file of config/gpus; without it DeepSeek's own H800. */
  gpu: z.string().min(1).optional(),
  /** Which engine's factors on its figures hold; without it those of no engine in particular. */
  constants: z.strictObject({ engine: z.enum(FITTED_ENGINES) }).optional(),
  /** What the model is served in, its cache with it; without it what its file says. */
  precision: z.enum(SERVING_PRECISIONS).optional(),
  /** GPUs that share the attention of a sequence. */
  attention: parts.default({ tp: 1 }),
  /** GPUs that share each expert. */
  experts: parts.default({ tp: 1 }),
  /** Whether two micro-batches overlap where that is faster; without it only on the usual GPU, as its makers serve. */
  overlap: z.boolean().optional(),
};

type Written = z.infer<ReturnType<typeof z.strictObject<typeof hardwareShape>>>;

export interface ScenarioHardware {
  /** Null for the usual one. */
  readonly gpu: ChosenGpu | null;
  readonly shape: EngineShape;
  readonly overlaps: boolean;
}

/** The model as it is served. */
export function servedModel(model: MoeModel, { precision }: Pick<Written, "precision">): MoeModel {
  return precision === undefined ? model : servedIn(model, precision);
}

/**
 * Composing takes every rank to be a GPU of the topology's.
 * @throws InputError
 */
export function checkAssignment(
  key: string,
  assignment: RankAssignment,
  { attentionTp, moeTp }: EngineShape,
  place: Place,
): void {
  if (assignment !== "composed" || attentionTp === moeTp) return;
  throw faultAt(
    inside(place, key),
    "is composed, which is for ranks of as many GPUs as share each expert; choose another",
  );
}

/** @throws InputError */
export async function readHardware(written: Written, place: Place): Promise<ScenarioHardware> {
  const { attention, experts, constants } = written;
  const gpu = await chooseGpu(written.gpu, inside(place, "gpu"), constants?.engine);
  if (gpu === null && constants !== undefined) {
    const hint =
      "are of GPUs whose figures are fitted to engines; name another gpu than h800, or leave it out";
    throw faultAt(inside(place, "constants"), hint);
  }
  return {
    gpu,
    overlaps: written.overlap ?? gpu === null,
    shape: { attentionTp: attention.tp, moeTp: experts.tp },
  };
}

/**
 * The places for experts that a topology's GPUs make: where each expert is divided over several, these are one, with the
 * slots of all of them.
 * @throws InputError where the GPUs of a node do not divide so
 */
export function expertUnits(topology: Topology, experts: number, shape: EngineShape, place: Place): Topology {
  const { nodes, gpusPerNode, slotsPerGpu } = topology;
  const { attentionTp, moeTp } = shape;
  const gpus = gpuCount(topology);
  for (const [key, tp] of Object.entries({ attention: attentionTp, experts: moeTp })) {
    const divides = tp <= gpusPerNode ? gpusPerNode % tp === 0 : tp % gpusPerNode === 0 && gpus % tp === 0;
    if (divides) continue;
    const hint = `is ${tp}; expected a number that divides the ${gpusPerNode} GPUs of a node, or whole nodes`;
    throw faultAt(inside(place, key, "tp"), hint);
  }
  const slots = Math.min(experts, slotsPerGpu * moeTp);
  const units =
    moeTp <= gpusPerNode
      ? { nodes, gpusPerNode: gpusPerNode / moeTp, slotsPerGpu: slots }
      : { nodes: gpus / moeTp, gpusPerNode: 1, slotsPerGpu: slots };
  const [ranks, places] = [rankCount(units, shape), gpuCount(units)];
  if (Math.max(ranks, places) % Math.min(ranks, places) === 0) return units;
  const hint = `makes ${ranks} ranks beside ${places} places for experts; expected one to be a multiple of the other`;
  throw faultAt(inside(place, "attention", "tp"), hint);
}
