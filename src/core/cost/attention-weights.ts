import type { MoeModel } from "../../model/moe-model.ts";

/** Weights of one layer's MLA projections: query and key-value, down and up, and the output (187 M for DeepSeek-V3). */
export function attentionWeights(model: MoeModel): number {
  const { heads, qLoraRank, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim } = model.attention;
  return (
    model.hidden * (qLoraRank + kvLoraRank + ropeHeadDim) +
    heads *
      (qLoraRank * (nopeHeadDim + ropeHeadDim) +
        kvLoraRank * (nopeHeadDim + vHeadDim) +
        vHeadDim * model.hidden)
  );
}
