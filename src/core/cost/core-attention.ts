import {
  type Attention,
  type LatentAttention,
  layerKvBytes,
  layerStateBytes,
} from "../../model/attention.ts";
import { type AttentionWork, answerTokens, readPart, windowOf } from "./attention-work.ts";
import type { Hardware } from "./hardware.ts";
import { bothOf } from "./overlap-norm.ts";

/** A multiply and an add. */
export const FLOPS_PER_WEIGHT = 2;
/** Of a state in a token: read by the key, updated, read by the query. */
const STATE_PASSES = 3;

type Rates = Pick<Hardware, "attentionFlops" | "projectionFlops" | "kvBandwidth" | "overlapNorm">;

/** Seconds of one layer's attention beside its projections, on one rank. */
export class CoreAttention {
  readonly #attention: Attention;
  readonly #rates: Rates;
  /** Of the model's windows; −1 where everything is attended to. */
  readonly #window: number;
  readonly #kvBytes: number;

  /** @param windows the model's (`attentionWindows`) */
  constructor(attention: Attention, windows: readonly number[], rates: Rates) {
    this.#attention = attention;
    this.#rates = rates;
    this.#window = windows.indexOf(windowOf(attention) ?? -1);
    this.#kvBytes = layerKvBytes(attention);
  }

  /** @param rate of the GPU's arithmetic */
  seconds(work: AttentionWork, rate: number): number {
    const attention = this.#attention;
    switch (attention.kind) {
      case "mla":
        return attention.indexer === null
          ? this.#latent(attention, work, rate)
          : this.#sparse(attention, work, rate);
      case "gqa": {
        const { heads, headDim, vHeadDim } = attention;
        const perContext = heads * (headDim + vHeadDim);
        const decode = this.#decodeContext(work);
        return this.#sum(
          this.#prefillContext(work) * perContext,
          decode * perContext,
          decode * readPart(work) * this.#kvBytes,
          rate,
        );
      }
      case "linear": {
        const { valueHeads, keyHeadDim, valueHeadDim } = attention;
        const perToken = STATE_PASSES * valueHeads * keyHeadDim * valueHeadDim;
        // Every sequence that decodes reads its state and writes it.
        const state = 2 * work.decoding * layerStateBytes(attention);
        const answers = answerTokens(work);
        return this.#sum((work.tokens - answers) * perToken, answers * perToken, state, rate);
      }
    }
  }

  #latent(attention: LatentAttention, work: AttentionWork, rate: number): number {
    const { prefillContext, decodeContext } = work;
    const { heads, nopeHeadDim, ropeHeadDim, vHeadDim } = attention;
    const prefill = prefillContext * heads * (nopeHeadDim + ropeHeadDim + vHeadDim);
    // Decode works on the compressed cache itself ("absorbed" MLA, as FlashMLA does).
    const decode = decodeContext * absorbed(attention);
    return this.#sum(prefill, decode, decodeContext * readPart(work) * this.#kvBytes, rate);
  }

  /**
   * An indexer in FP8 weighs the whole context, and what it chooses is attended to on the compressed cache; prompts
   * short enough for that to be dearer attend to everything.
   */
  #sparse(attention: LatentAttention, work: AttentionWork, rate: number): number {
    const { heads, nopeHeadDim, ropeHeadDim, vHeadDim, indexer } = attention;
    if (indexer === null) return 0;
    const prefill = Math.min(
      work.prefillContext * heads * (nopeHeadDim + ropeHeadDim + vHeadDim),
      this.#prefillContext(work) * absorbed(attention),
    );
    const decode = this.#decodeContext(work);
    const indexed = work.prefillContext + work.decodeContext;
    const index =
      (FLOPS_PER_WEIGHT * indexed * indexer.heads * indexer.headDim) / (this.#rates.projectionFlops * rate);
    const latentBytes = layerKvBytes({ ...attention, indexer: null });
    const read = decode * latentBytes + work.decodeContext * (this.#kvBytes - latentBytes);
    const bytes = readPart(work) * read;
    return index + this.#sum(prefill, decode * absorbed(attention), bytes, rate);
  }

  /** @param bytes of the cache that decoding reads */
  #sum(prefill: number, decode: number, bytes: number, rate: number): number {
    const flops = this.#rates.attentionFlops * rate;
    const { kvBandwidth, overlapNorm } = this.#rates;
    return (
      (FLOPS_PER_WEIGHT * prefill) / flops +
      bothOf(bytes / kvBandwidth, (FLOPS_PER_WEIGHT * decode) / flops, overlapNorm)
    );
  }

  #prefillContext({ prefillContext, prefillWithin }: AttentionWork): number {
    return this.#window < 0 ? prefillContext : prefillWithin[this.#window];
  }

  #decodeContext({ decodeContext, decodeWithin }: AttentionWork): number {
    return this.#window < 0 ? decodeContext : decodeWithin[this.#window];
  }
}

/** Products per token attended to, where the cache is not decompressed. */
function absorbed({ heads, kvLoraRank, ropeHeadDim }: LatentAttention): number {
  return heads * (2 * kvLoraRank + ropeHeadDim);
}
