import type { Gpu } from "../../model/gpu.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { ServingPrecision } from "../../model/serving-precision.ts";

/** How the GPUs of one engine share a model: tp × dp = ep × moeTp GPUs. */
export interface Parallelism {
  /** GPUs that share the attention of a sequence. */
  readonly tp: number;
  /** Groups of these, each with sequences of its own. */
  readonly dp: number;
  /** Groups of GPUs that share the experts out. */
  readonly ep: number;
  /** GPUs that share each expert. */
  readonly moeTp: number;
}

/** Engines of one shape. */
export interface Workers extends Parallelism {
  readonly count: number;
}

/** A pool under a closed loop: so many requests are in flight all the time. */
export interface ServingPoint {
  readonly model: MoeModel;
  /** The model's name in tables of constants: versions of one shape share it. */
  readonly family: string;
  readonly gpu: Gpu;
  readonly backend: string;
  /** As written; "" where it is not known. */
  readonly version: string;
  readonly precision: ServingPrecision;
  /** Tokens of a prompt and of an answer, as named; both are drawn uniformly from `lengthRatio` to 1 of that. */
  readonly isl: number;
  readonly osl: number;
  readonly lengthRatio: number;
  readonly concurrency: number;
  readonly gpus: number;
  /** Where prompts are computed; null where the same engines do both. */
  readonly prefill: Workers | null;
  readonly decode: Workers;
}

/** What a point comes to: milliseconds to the first token and for each further one, and tokens of answers per second and GPU. */
export interface ServingTimes {
  readonly ttftMs: number;
  readonly tpotMs: number;
  readonly outTokSGpu: number;
}

/** As the measured points' throughput is derived. */
export function outTokensPerSecondPerGpu(
  { concurrency, osl, gpus }: Pick<ServingPoint, "concurrency" | "osl" | "gpus">,
  ttftMs: number,
  tpotMs: number,
): number {
  return (1000 * concurrency * osl) / (ttftMs + (osl - 1) * tpotMs) / gpus;
}

/** Models of one shape are one family, whatever they are called. */
export function familyOf({ layers, hidden, experts, topk }: MoeModel): string {
  return `${layers} x ${hidden}, ${topk} of ${experts}`;
}
