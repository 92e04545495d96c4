import type { Gpu } from "../model/gpu.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { foundPart } from "./demand.ts";
import { modelBytes, peakFlops, tokenBytes, tokenFlops } from "./physical-bounds.ts";

/** GPUs that no system can do without, by what asks for them; the most of these is the bound. */
export interface PerfectSystem {
  readonly gpus: number;
  /** Products of all prompts and answers, at the maker's peak. */
  readonly compute: number;
  /** Caches, read once for every token of an answer, at the peak of memory. */
  readonly caches: number;
  /** A token's weights read within the time between tokens. */
  readonly weights: number;
  /** Every weight in memory once. */
  readonly memory: number;
}

/** The roofline: everything at its maker's peak, perfectly overlapped and balanced, with no wait. */
export function perfectSystem(
  { model, sizes, precision, demand, target }: PlanProblem,
  gpu: Gpu,
): PerfectSystem {
  const { rate, prompt, answer } = demand;
  const context = prompt + answer / 2;
  let read = 0;
  for (const { layers, kvBytes, indexBytes, reach } of sizes.kinds) {
    const seen = Math.min(context, reach);
    read += layers * (seen * kvBytes + context * indexBytes);
  }
  const fresh = prompt * (1 - foundPart(demand));
  const compute = (rate * (fresh + answer) * tokenFlops(model)) / peakFlops(gpu, precision);
  const caches = (rate * answer * read) / gpu.memoryBandwidth;
  const weights = tokenBytes(sizes) / (gpu.memoryBandwidth * (target.itlMs / 1000));
  const memory = modelBytes(sizes) / gpu.memoryBytes;
  const most = Math.max(compute, caches, weights, memory);
  return { gpus: Math.max(1, Math.ceil(most)), compute, caches, weights, memory };
}
