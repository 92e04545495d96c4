import type { MoeModel } from "../model/moe-model.ts";
import type { ServingPrecision } from "../model/serving-precision.ts";
import type { Gpu } from "../model/gpu.ts";
import type { ModelSizes } from "../twin/calibration/model-sizes.ts";
import { freshPrompts } from "./fresh-prompts.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { activeParameters } from "../core/cost/model-weights.ts";

const FLOPS_PER_WEIGHT = 2;
const BF16 = 2;

/** Bytes of weights that the answer to one token takes: of attention and dense layers, its experts, the head. */
export function tokenBytes(s: ModelSizes): number {
  const experts = s.moeLayers * s.topk * s.expert * s.expertBytes;
  return (s.attention + s.dense) * s.restBytes + experts + s.head * BF16;
}

/** Bytes of all weights, embedding included. */
export function modelBytes(s: ModelSizes): number {
  const experts = s.moeLayers * s.experts * s.expert * s.expertBytes;
  return (s.attention + s.dense) * s.restBytes + experts + 2 * s.head * BF16;
}

/** Floating-point operations of a token, without core attention. */
export function tokenFlops(model: MoeModel): number {
  return FLOPS_PER_WEIGHT * activeParameters(model);
}

/** The maker's peak in what the model's experts are in. */
export function peakFlops({ flops }: Gpu, precision: ServingPrecision): number {
  if (precision === "fp4") return flops.fp4 ?? flops.bf16;
  return precision === "fp8" ? flops.fp8 : flops.bf16;
}

/** The least times that a type of GPU allows. */
export interface PhysicalBound {
  readonly gpu: string;
  readonly gpus: number;
  /** Milliseconds that nothing undercuts on so many GPUs: a token's weights read once; a prompt's products. */
  readonly itlMs: number;
  readonly ttftMs: number;
  readonly bytes: number;
  readonly flops: number;
  /** Of that prompt, to compute. */
  readonly tokens: number;
}

/** Tokens to compute of the prompt that as many do not exceed as have to be in time. */
function longPrompt({ demand, target }: PlanProblem): number {
  return Math.round(freshPrompts(demand, demand.rate).quantile(target.ttftPercentile / 100));
}

/** What the GPUs of one pool cannot undercut at their makers' peaks, whatever serves there; of the fastest type. @param gpus of a pool at most */
export function physicalBound(problem: PlanProblem, gpus: number): PhysicalBound {
  const { sizes, model, precision, types } = problem;
  const bytes = tokenBytes(sizes);
  const tokens = longPrompt(problem);
  const flops = tokenFlops(model) * tokens;
  const bounds = types.map(({ gpu }) => ({
    gpu: gpu.name,
    gpus,
    itlMs: (1000 * bytes) / (gpus * gpu.memoryBandwidth),
    ttftMs: (1000 * flops) / (gpus * peakFlops(gpu, precision)),
    bytes,
    flops,
    tokens,
  }));
  return bounds.reduce((a, b) => (b.itlMs < a.itlMs ? b : a));
}
