import type { Attention } from "../../model/attention.ts";
import { layerKvBytes, layerStateBytes } from "../../model/attention.ts";
import { type MoeModel, expertWeights, ffnMatrices } from "../../model/moe-model.ts";
import { attentionWeights } from "../../core/cost/attention-weights.ts";
import { windowOf } from "../../core/cost/attention-work.ts";
import type { ServingPrecision } from "../../model/serving-precision.ts";

/** What a layer of one kind of attention asks for. */
export interface AttentionSizes {
  readonly kind: Attention["kind"];
  readonly layers: number;
  /** Tokens attended to at most. */
  readonly reach: number;
  /** Bytes of cache read per token attended to, and what an indexer reads of the whole context. */
  readonly kvBytes: number;
  readonly indexBytes: number;
  /** Bytes of a sequence's state, read and written. */
  readonly stateBytes: number;
  /** Parts that the cache can be cut into: heads of keys; 1 of a latent one, which every GPU of a TP group has whole. */
  readonly shards: number;
  /** Products per query token and token attended to, of prompts and of answers. */
  readonly prefillProducts: number;
  readonly decodeProducts: number;
  readonly indexProducts: number;
  /** Products per token whatever its context (linear attention). */
  readonly tokenProducts: number;
}

/** Sizes of a model that times follow from, for all its layers together unless said otherwise. */
export interface ModelSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly moeLayers: number;
  readonly experts: number;
  readonly topk: number;
  /** Weights of all attention projections. */
  readonly attention: number;
  /** Of dense layers, shared experts, gates and what compresses tokens. */
  readonly dense: number;
  readonly head: number;
  /** Of one expert in one layer. */
  readonly expert: number;
  readonly expertHidden: number;
  /** Bytes per weight. */
  readonly expertBytes: number;
  readonly restBytes: number;
  readonly kinds: readonly AttentionSizes[];
  /** Of a token in a long sequence, for the room that sequences take. */
  readonly kvBytesPerToken: number;
}

const BYTES = { fp8: 1 + 4 / 16_384, fp4: 0.5 + 1 / 16, int4: 0.5 + 1 / 16, bf16: 2 };

/** Checkpoints in four bits keep all but the experts in BF16 (gpt-oss, Kimi-K2.5, NVIDIA's NVFP4 ones). */
export function modelSizes(model: MoeModel, precision: ServingPrecision): ModelSizes {
  const { hidden } = model;
  const ffn = (width: number) => ffnMatrices(model) * hidden * width;
  const cacheBytes = precision === "bf16" || precision === "int4" ? 1 : 1 / 2;
  const kinds = model.attention.map((kind) => attentionSizes(kind, cacheBytes));
  const inModel = model.attention.filter((_, i) => kinds[i].layers > 0);
  return {
    layers: model.layers,
    hidden,
    moeLayers: model.moeLayers.length - model.mtpLayers,
    experts: model.experts,
    topk: model.topk,
    attention: inModel.reduce((sum, kind) => sum + kind.layers.length * attentionWeights(kind, hidden), 0),
    dense:
      model.denseLayers.length * ffn(model.denseIntermediate) +
      model.moeLayers.length * (model.sharedExperts * ffn(model.sharedIntermediate) + hidden * model.experts),
    head: model.vocabulary * hidden,
    expert: expertWeights(model),
    expertHidden: model.expertHidden,
    expertBytes: BYTES[precision],
    restBytes: precision === "fp8" ? BYTES.fp8 : BYTES.bf16,
    kinds,
    kvBytesPerToken: kinds.reduce(
      (sum, { layers, kvBytes, indexBytes, reach, kind }) =>
        sum + layers * (indexBytes + (kind === "gqa" && reach < Number.POSITIVE_INFINITY ? 0 : kvBytes)),
      0,
    ),
  };
}

function attentionSizes(attention: Attention, cacheBytes: number): AttentionSizes {
  const none = { indexBytes: 0, stateBytes: 0, indexProducts: 0, tokenProducts: 0 };
  const common = { kind: attention.kind, layers: attention.layers.length };
  const reach = windowOf(attention) ?? Number.POSITIVE_INFINITY;
  switch (attention.kind) {
    case "mla": {
      const { heads, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim, indexer } = attention;
      const absorbed = heads * (2 * kvLoraRank + ropeHeadDim);
      const index = indexer === null ? 0 : indexer.headDim + 4;
      return {
        ...none,
        ...common,
        reach,
        kvBytes: (layerKvBytes(attention) - index) * cacheBytes,
        indexBytes: index,
        shards: 1,
        prefillProducts: indexer === null ? heads * (nopeHeadDim + ropeHeadDim + vHeadDim) : absorbed,
        decodeProducts: absorbed,
        indexProducts: indexer === null ? 0 : indexer.heads * indexer.headDim,
      };
    }
    case "gqa": {
      const { heads, kvHeads, headDim, vHeadDim } = attention;
      const products = heads * (headDim + vHeadDim);
      return {
        ...none,
        ...common,
        reach,
        kvBytes: layerKvBytes(attention) * cacheBytes,
        shards: kvHeads,
        prefillProducts: products,
        decodeProducts: products,
      };
    }
    case "linear": {
      const { valueHeads, keyHeadDim, valueHeadDim } = attention;
      return {
        ...none,
        ...common,
        reach: 0,
        kvBytes: 0,
        stateBytes: 2 * layerStateBytes(attention),
        shards: valueHeads,
        prefillProducts: 0,
        decodeProducts: 0,
        tokenProducts: 3 * valueHeads * keyHeadDim * valueHeadDim,
      };
    }
  }
}
