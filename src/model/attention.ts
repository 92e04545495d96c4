import { BF16_BYTES } from "./weights.ts";

/** The attention of some of a model's layers. A layer is in one of these at most. */
export type Attention = LatentAttention | GroupedAttention | LinearAttention;

interface OfLayers {
  /** Layer numbers, ascending. */
  readonly layers: readonly number[];
  /** Bytes of a value in the cache: BF16 unless said otherwise. */
  readonly cacheBytes?: number;
}

/** Multi-head latent attention (MLA): one compressed key-value vector per token. */
export interface LatentAttention extends OfLayers {
  readonly kind: "mla";
  readonly heads: number;
  /** 0 where queries are not compressed. */
  readonly qLoraRank: number;
  readonly kvLoraRank: number;
  readonly nopeHeadDim: number;
  readonly ropeHeadDim: number;
  readonly vHeadDim: number;
  /** What chooses the tokens that are attended to (DeepSeek-V3.2's sparse attention); null where all are. */
  readonly indexer: Indexer | null;
}

export interface Indexer {
  readonly heads: number;
  readonly headDim: number;
  /** Tokens it chooses. */
  readonly topk: number;
}

/** Grouped-query attention: multi-head where there are as many key-value heads as heads. */
export interface GroupedAttention extends OfLayers {
  readonly kind: "gqa";
  readonly heads: number;
  readonly kvHeads: number;
  /** Of queries and keys. */
  readonly headDim: number;
  readonly vHeadDim: number;
  /** The latest tokens that are attended to and kept; null = all. */
  readonly window: number | null;
  /** Whether the output has a gate per head value (Qwen3-Next). */
  readonly outputGate: boolean;
}

/**
 * A state per sequence in place of a cache per token: gated delta networks, or Mamba-2, whose groups are the key heads,
 * its state size their dimension, its heads the value heads.
 */
export interface LinearAttention extends OfLayers {
  readonly kind: "linear";
  readonly keyHeads: number;
  readonly keyHeadDim: number;
  readonly valueHeads: number;
  readonly valueHeadDim: number;
  /** Tokens that the convolution before it sees. */
  readonly convKernel: number;
}

/** An index key in FP8 with its FP32 scale, per token. */
const INDEX_SCALE_BYTES = 4;
/** Recurrent states are FP32. */
const STATE_BYTES = 4;

/** Bytes that one layer keeps of a token; 0 where it has a state instead. */
export function layerKvBytes(attention: Attention): number {
  const { cacheBytes = BF16_BYTES } = attention;
  switch (attention.kind) {
    case "mla": {
      const { kvLoraRank, ropeHeadDim, indexer } = attention;
      const index = indexer === null ? 0 : indexer.headDim + INDEX_SCALE_BYTES;
      return (kvLoraRank + ropeHeadDim) * cacheBytes + index;
    }
    case "gqa":
      return attention.kvHeads * (attention.headDim + attention.vHeadDim) * cacheBytes;
    case "linear":
      return 0;
  }
}

/** Bytes that one layer keeps of a sequence whatever its length. */
export function layerStateBytes(attention: Attention): number {
  if (attention.kind !== "linear") return 0;
  const { keyHeads, keyHeadDim, valueHeads, valueHeadDim, convKernel } = attention;
  const channels = 2 * keyHeads * keyHeadDim + valueHeads * valueHeadDim;
  return valueHeads * keyHeadDim * valueHeadDim * STATE_BYTES + channels * (convKernel - 1) * BF16_BYTES;
}

/** Tokens that a layer keeps of a sequence at most. */
export function keptTokens(attention: Attention): number {
  return attention.kind === "gqa" ? (attention.window ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}
