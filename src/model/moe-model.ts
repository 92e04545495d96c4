import { type Attention, keptTokens, layerKvBytes, layerStateBytes } from "./attention.ts";
import { BF16_BYTES, type WeightFormat, matrixBytes } from "./weights.ts";

/** The shape of a mixture-of-experts model, as its public config.json states it. One file each under config/models/. */
export interface MoeModel {
  /** The name clients ask for, e.g. `deepseek-v3`. */
  readonly name: string;
  /** Where the figures come from. */
  readonly source: string;
  /** Transformer layers, without those for multi-token prediction. */
  readonly layers: number;
  /**
   * Numbers of the layers that route to experts, ascending: 3 to 60 for DeepSeek-V3. Loads, placements and shares have a
   * row for each of these, and for no other.
   */
  readonly moeLayers: readonly number[];
  /** Numbers of the layers that have one dense feed-forward network instead, ascending. */
  readonly denseLayers: readonly number[];
  /** Layers for multi-token prediction whose experts are balanced too: numbered after the last, among `moeLayers`. */
  readonly mtpLayers: number;
  readonly hidden: number;
  readonly denseIntermediate: number;
  readonly moeIntermediate: number;
  /** What routed experts take in and give back: less than `hidden` where tokens are compressed on their way to them. */
  readonly expertHidden: number;
  /** Whether feed-forward networks have a gate: three matrices, or two. */
  readonly gated: boolean;
  /** Whether experts add a bias to what their matrices give. */
  readonly expertBias: boolean;
  /** Routed (logical) experts per MoE layer. */
  readonly experts: number;
  /** Experts every token passes through, on its own rank. */
  readonly sharedExperts: number;
  /** Of one of them. */
  readonly sharedIntermediate: number;
  /** Whether they are computed as more routed experts, of which every rank has a replica, or by themselves. */
  readonly sharedFused: boolean;
  /** Routed experts per token. */
  readonly topk: number;
  /** Expert groups of the gate; 1 = no group limit. */
  readonly groups: number;
  /** Groups a token may choose from. */
  readonly topkGroups: number;
  readonly routeScale: number;
  readonly attention: readonly Attention[];
  readonly precision: Precision;
  readonly vocabulary: number;
  /** Whether the embedding is the head too. */
  readonly tiedEmbeddings: boolean;
}

export interface Precision {
  readonly experts: WeightFormat;
  /** Values of an expert that share a scale, where the format leaves that open (INT4). */
  readonly groupSize: number;
  /** Of attention, dense layers and shared experts that are not fused. Embedding and head are BF16. */
  readonly rest: WeightFormat;
  /** What tokens travel to their experts in. */
  readonly dispatch: "fp8" | "bf16";
}

/** Weights of one routed expert. */
export function expertWeights(model: MoeModel): number {
  return ffnMatrices(model) * model.expertHidden * model.moeIntermediate;
}

/** Weights of the matrices that compress tokens for a layer's experts, and back; 0 where nothing does. */
export function compressionWeights({ hidden, expertHidden }: MoeModel): number {
  return expertHidden === hidden ? 0 : 2 * hidden * expertHidden;
}

/** Weight matrices of a feed-forward network. */
export function ffnMatrices({ gated }: MoeModel): number {
  return gated ? 3 : 2;
}

/** Bytes of one routed expert with its scales, in memory as on its way to another rank. */
export function expertBytes(model: MoeModel): number {
  const { expertHidden, moeIntermediate, expertBias, gated, precision } = model;
  const inner = gated ? 2 * moeIntermediate : moeIntermediate;
  const bias = expertBias ? (inner + expertHidden) * BF16_BYTES : 0;
  return ffnBytes(model, expertHidden, moeIntermediate, precision.experts) + bias;
}

/** Bytes of the shared experts of a layer. */
export function sharedBytes(model: MoeModel): number {
  const { hidden, sharedExperts, sharedIntermediate, sharedFused, precision } = model;
  const format = sharedFused ? precision.experts : precision.rest;
  return sharedExperts * ffnBytes(model, hidden, sharedIntermediate, format);
}

function ffnBytes(model: MoeModel, hidden: number, intermediate: number, format: WeightFormat): number {
  const { precision } = model;
  const inward = ffnMatrices(model) - 1;
  return (
    inward * matrixBytes(format, intermediate, hidden, precision.groupSize) +
    matrixBytes(format, hidden, intermediate, precision.groupSize)
  );
}

/** Bytes that the cache of a sequence of `context` tokens takes in all layers, its states included. */
export function kvBytes(model: MoeModel, context: number): number {
  let bytes = 0;
  for (const attention of model.attention) {
    const kept = Math.min(context, keptTokens(attention));
    bytes += attention.layers.length * (kept * layerKvBytes(attention) + layerStateBytes(attention));
  }
  return bytes;
}

/**
 * Bytes of key-value cache that a token more takes in a sequence longer than every window, in BF16 and all layers
 * (70,272 for DeepSeek-V3; ISCA'25 table 1). With a context, what a token of a sequence of that length takes on average.
 */
export function kvBytesPerToken(model: MoeModel, context?: number): number {
  if (context !== undefined) return kvBytes(model, context) / context;
  return model.attention.reduce(
    (sum, attention) =>
      keptTokens(attention) < Number.POSITIVE_INFINITY
        ? sum
        : sum + attention.layers.length * layerKvBytes(attention),
    0,
  );
}
