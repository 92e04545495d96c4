import type { MoeModel, Precision } from "./moe-model.ts";
import type { WeightFormat } from "./weights.ts";

/** What weights an engine serves a model in, as engines and their benchmarks name it. */
export type ServingPrecision = (typeof SERVING_PRECISIONS)[number];

export const SERVING_PRECISIONS = ["fp8", "fp4", "int4", "bf16"] as const;

const FORMATS: Readonly<Record<ServingPrecision, { experts: WeightFormat; rest: WeightFormat }>> = {
  bf16: { experts: "bf16", rest: "bf16" },
  fp8: { experts: "fp8", rest: "fp8" },
  // Checkpoints in four bits keep all but the experts in BF16 (gpt-oss, Kimi-K2.5, NVIDIA's NVFP4 ones).
  fp4: { experts: "nvfp4", rest: "bf16" },
  int4: { experts: "int4", rest: "bf16" },
};

/** The one that a model's own format of experts belongs to. */
export function precisionOf({ experts }: Precision): ServingPrecision {
  switch (experts) {
    case "bf16":
    case "int4":
      return experts;
    case "fp8":
    case "int8":
      return "fp8";
    case "mxfp4":
    case "nvfp4":
      return "fp4";
  }
}

/**
 * The model as engines serve it in a precision: its experts and the rest of its weights, and its cache, which those
 * that were measured keep in FP8 where the experts are in FP8 or FP4, else in BF16. A format of the model's own that is
 * as narrow stays (MXFP4 for FP4).
 */
export function servedIn(model: MoeModel, precision: ServingPrecision): MoeModel {
  const { experts, rest } = FORMATS[precision];
  const own = precisionOf(model.precision) === precision ? model.precision.experts : experts;
  const cacheBytes = precision === "fp8" || precision === "fp4" ? 1 : 2;
  return {
    ...model,
    precision: { ...model.precision, experts: own, rest },
    attention: model.attention.map((kind) => (kind.kind === "linear" ? kind : { ...kind, cacheBytes })),
  };
}
