import type { Parallelism } from "../twin/calibration/serving-point.ts";
import type { FittedEngine } from "../model/fitted-engine.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { KvRoom } from "../core/cost/kv-room.ts";
import { type Layout, type PlanGpu, engineShape, gpusOf, unitGpus, unitTopology } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { mostGpus } from "./units-needed.ts";

/** GPUs that share the attention of a sequence at most: one node's. */
const MOST_TP = 8;
/** GPUs of a pool: powers of two; an NVLink domain of 72; what DeepSeek serves on (144; 320 before), and between these. */
const POOL_GPUS = [1, 2, 4, 8, 16, 32, 64, 72, 96, 128, 144, 192, 256, 288, 320];
/** In larger pools fewer GPUs share attention: with so many ranks a cache need not be divided. */
const LARGE_GPUS = 64;
const MOST_TP_OF_LARGE = 2;
/** Slots beyond one for each expert, of all experts, that even GPUs out: EP144 has 288 for 256. */
const MOST_UNEVEN = 1 / 4;
const STEP_TOKENS = [512, 2048, 8192];
/** Experts are divided among the GPUs of one node. */
const MOST_DIVIDED = 8;
/** Engines that divide experts over some GPUs and spread them over the others; vLLM does the one or the other. */
const PARTLY_SPREAD: ReadonlySet<FittedEngine> = new Set(["sglang", "trtllm"]);
/** FP8 weights have a scale for so many values: engines do not divide an expert within them. */
const FP8_BLOCK = 128;
/** A pool for prompts has a fifth of the other's GPUs at least, and five times as many at most: DeepSeek's have 32 and 144. */
const MOST_RATIO = 5;

/** Every unit that is tried: those that fit in a GPU's memory with the longest request, and in the budget with their spares. */
export function candidates(problem: PlanProblem): Layout[] {
  return problem.types.flatMap((type) => unitsOf(problem, type));
}

function unitsOf(problem: PlanProblem, type: PlanGpu): Layout[] {
  const most = mostGpus(type, problem) / (1 + problem.spare);
  const shapes = poolSizes(type, most).flatMap((gpus) => shapesOf(gpus, problem, type));
  const layouts: Layout[] = [];
  for (const decode of shapes) {
    for (const prefill of [null, ...shapes.filter((one) => goesBeside(one, decode))]) {
      const layout = { type, prefill, decode, redundantSlots: 0, stepTokens: 0 };
      if (unitGpus(layout) > most || !fits(layout, problem)) continue;
      layouts.push(...STEP_TOKENS.map((stepTokens) => ({ ...layout, stepTokens })));
    }
  }
  return layouts;
}

/** GPUs that a pool may have, up to so many: beyond an NVLink domain whole ones of it, or nodes. */
export function poolSizes({ gpu }: Pick<PlanGpu, "gpu">, most: number): number[] {
  const domain = gpu.scaleUp.gpus;
  return POOL_GPUS.filter((gpus) => gpus <= most && (gpus <= domain || gpus % domain === 0));
}

/** Redundant slots of a GPU that are tried beside none. */
const MORE_SLOTS = [1, 2];

/**
 * A layout as it is, and with redundant slots on every GPU where experts are spread over several that have tokens of their
 * own; with those that are asked for alone where somebody asks for some.
 */
export function withRedundancy(layout: Layout, problem: PlanProblem): Layout[] {
  const { ep, dp, moeTp } = layout.decode;
  const { redundant, model } = problem;
  if (redundant !== null) {
    const each = Math.ceil(model.experts / ep);
    const more = { ...layout, redundantSlots: Math.ceil((model.experts + redundant) / ep) - each };
    const spread = ep > 1 && moeTp === 1 && each + more.redundantSlots <= model.experts;
    return redundant === 0 || (spread && fits(more, problem)) ? [more] : [];
  }
  if (ep < 4 || dp === 1 || moeTp > 1) return [layout];
  const more = MORE_SLOTS.map((redundantSlots) => ({ ...layout, redundantSlots }));
  return [layout, ...more.filter((one) => fits(one, problem))];
}

/** A pool for prompts divides the model as the one for answers does, whose caches it sends. */
function goesBeside(prefill: Parallelism, decode: Parallelism): boolean {
  const ratio = gpusOf(prefill) / gpusOf(decode);
  return (
    prefill.tp === decode.tp &&
    prefill.moeTp === decode.moeTp &&
    ratio <= MOST_RATIO &&
    ratio >= 1 / MOST_RATIO
  );
}

function shapesOf(gpus: number, { model, precision, engine }: PlanProblem, { gpu }: PlanGpu): Parallelism[] {
  const shapes: Parallelism[] = [];
  const mostTp = gpus > LARGE_GPUS ? MOST_TP_OF_LARGE : MOST_TP;
  const spreads = (ep: number) => (Math.ceil(model.experts / ep) * ep) / model.experts <= 1 + MOST_UNEVEN;
  const divides = (moeTp: number) => {
    const width = model.moeIntermediate / moeTp;
    return Number.isInteger(width) && (precision !== "fp8" || width % FP8_BLOCK === 0);
  };
  for (let tp = 1; tp <= Math.min(gpus, mostTp, gpu.scaleUp.gpus); tp *= 2) {
    const dp = gpus / tp;
    // Its attention is on one GPU for each rank, or divided over all.
    if (engine === "trtllm" && tp > 1 && dp > 1) continue;
    if (spreads(gpus)) shapes.push({ tp, dp, ep: gpus, moeTp: 1 });
    const mostDivided = gpus <= MOST_DIVIDED ? gpus : 1;
    for (let moeTp = 2; moeTp <= mostDivided; moeTp *= 2) {
      const ep = gpus / moeTp;
      const runs = ep === 1 || (engine !== null && PARTLY_SPREAD.has(engine));
      if (runs && divides(moeTp) && spreads(ep)) shapes.push({ tp, dp, ep, moeTp });
    }
  }
  return shapes;
}

/** Whether every GPU of it has room for its weights and the longest request. */
export function fits(layout: Layout, { model, demand }: Pick<PlanProblem, "model" | "demand">): boolean {
  const { prefill, decode } = layout;
  return [decode, ...(prefill === null ? [] : [prefill])].every(
    (shape) => roomOf(layout, shape, model).longestSequence >= demand.longest,
  );
}

/** The cache of a rank of one of its pools. */
export function roomOf(layout: Layout, shape: Parallelism, model: MoeModel): KvRoom {
  return new KvRoom(
    model,
    unitTopology(layout, shape, model.experts),
    layout.type.hardware,
    engineShape(shape),
  );
}
