/** The shape of a mixture-of-experts model, as its public config.json states it. One file each under config/models/. */
export interface MoeModel {
  /** The name clients ask for, e.g. `deepseek-v3`. */
  readonly name: string;
  /** Where the figures come from. */
  readonly source: string;
  /** Transformer layers, dense ones included. */
  readonly layers: number;
  /** Leading layers that have one dense feed-forward network instead of experts. */
  readonly denseLayers: number;
  readonly hidden: number;
  readonly denseIntermediate: number;
  readonly moeIntermediate: number;
  /** Routed (logical) experts per MoE layer. */
  readonly experts: number;
  /** Experts every token passes through, on its own rank. */
  readonly sharedExperts: number;
  /** Routed experts per token. */
  readonly topk: number;
  /** Expert groups of the gate; 1 = no group limit. */
  readonly groups: number;
  /** Groups a token may choose from. */
  readonly topkGroups: number;
  readonly routeScale: number;
  readonly attention: Attention;
  readonly vocabulary: number;
}

/** Multi-head latent attention (MLA): one compressed key-value vector per token and layer. */
interface Attention {
  readonly heads: number;
  readonly qLoraRank: number;
  readonly kvLoraRank: number;
  readonly nopeHeadDim: number;
  readonly ropeHeadDim: number;
  readonly vHeadDim: number;
}

/** Layers that route to experts: 58 for DeepSeek-V3. Load, placement and shares count only these. */
export function moeLayers(model: MoeModel): number {
  return model.layers - model.denseLayers;
}

/** FP8 weights carry one FP32 scale per this many values (DeepSeek-V3 report §3.3). */
export const FP8_SCALE_BLOCK = 128;

export const BF16_BYTES = 2;

/** Bytes of one routed expert in FP8: gate, up and down projections, weight scales per 128 × 128 block. */
export function expertBytes(model: MoeModel): number {
  const weights = 3 * model.hidden * model.moeIntermediate;
  return weights + (weights / (FP8_SCALE_BLOCK * FP8_SCALE_BLOCK)) * 4;
}

/** Bytes of key-value cache per token in BF16, all layers (70,272 for DeepSeek-V3; ISCA'25 table 1). */
export function kvBytesPerToken(model: MoeModel): number {
  return (model.attention.kvLoraRank + model.attention.ropeHeadDim) * model.layers * BF16_BYTES;
}
