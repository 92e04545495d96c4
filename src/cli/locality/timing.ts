import { chooseGpu } from "../../config/gpus/chosen-gpu.ts";
import { loadModel } from "../../config/shapes.ts";
import { StepCost } from "../../core/cost/step-cost.ts";
import type { Topology } from "../../model/topology.ts";
import { engineOn, modelledHardware } from "../../twin/calibration/gpu-hardware.ts";
import type { StepTiming } from "../../twin/instances/step-counter.ts";
import type { RecordedRequests } from "./inputs.ts";

export interface TimedPool {
  readonly topology: Topology;
  /** Null where the trace is of no such model. */
  readonly timing: StepTiming | null;
}

interface Timed {
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly model: string;
  readonly gpu: string;
  readonly context: number;
}

/** The GPUs of one instance, which have every expert once, and what its steps take. @throws InputError */
export async function timedPool({ trace, experts }: RecordedRequests, timed: Timed): Promise<TimedPool> {
  const { nodes, gpusPerNode, context } = timed;
  const sourceOf = (flag: string) => ({ sourceOf: () => flag, field: [] });
  const model = await loadModel(timed.model, sourceOf("--model"));
  const choice = await chooseGpu(timed.gpu, sourceOf("--gpu"));
  const fits = model.topk === trace.topk && model.experts >= experts;
  const held = fits ? model.experts : experts;
  const topology = { nodes, gpusPerNode, slotsPerGpu: Math.ceil(held / (nodes * gpusPerNode)) };
  if (!fits) return { topology, timing: null };
  const cost = new StepCost(model, topology, modelledHardware(model, choice), engineOn(choice));
  return { topology, timing: { model, cost, context } };
}
