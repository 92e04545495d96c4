import type { EngineShape } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { BF16_BYTES } from "../../model/weights.ts";
import { type AttentionWork, answerTokens } from "./attention-work.ts";
import type { Hardware } from "./hardware.ts";

/** What a step's layers take beside attention, experts and exchanges, in seconds: fixed times, and all-reduces of tensor parallelism. */
export class LayerOverhead {
  readonly #hardware: Hardware;
  readonly #hidden: number;
  readonly #tp: number;
  readonly #alone: boolean;
  readonly #bandwidth: number;

  /** @param ranks of the pool @param nodeGpus GPUs of a node */
  constructor(
    { hidden }: MoeModel,
    { attentionTp }: EngineShape,
    ranks: number,
    nodeGpus: number,
    hardware: Hardware,
  ) {
    this.#hardware = hardware;
    this.#hidden = hidden;
    this.#tp = attentionTp;
    this.#alone = ranks === 1;
    const { domainGpus, reduce } = hardware;
    const near = attentionTp <= Math.max(domainGpus, nodeGpus);
    this.#bandwidth = near ? reduce.bandwidth : reduce.betweenNodes;
  }

  /** Of the whole step, whatever its layers. */
  step(ranks: readonly AttentionWork[]): number {
    return ranks.some(({ decoding }) => decoding > 0) ? this.#hardware.fixed.step : 0;
  }

  /** Of an MoE layer. One rank alone sums its experts by a second all-reduce; several exchange tokens. */
  moeLayer(ranks: readonly AttentionWork[], part: number): number {
    return this.#layer(ranks, part, this.#alone ? 2 : 1);
  }

  /** Of a layer whose feed-forward network, if it has one, is divided like attention. */
  otherLayer(ranks: readonly AttentionWork[]): number {
    return this.#layer(ranks, 1, 2);
  }

  #layer(ranks: readonly AttentionWork[], part: number, reduces: number): number {
    const { fixed, reduce } = this.#hardware;
    let [most, prompts, decodes] = [0, 0, false];
    for (const work of ranks) {
      const { tokens, decoding } = work;
      if (tokens > most) most = tokens;
      prompts = Math.max(prompts, tokens - answerTokens(work));
      decodes ||= decoding > 0;
    }
    const ofPrompts = prompts === 0 ? 0 : fixed.promptLayer + part * prompts * fixed.promptToken;
    const seconds = (decodes ? fixed.layer : 0) + ofPrompts;
    if (this.#tp === 1 || most === 0) return seconds;
    // Ring or tree, every value goes out and in once but for one's own part.
    const bytes = ((2 * (this.#tp - 1)) / this.#tp) * part * most * this.#hidden * BF16_BYTES;
    return seconds + reduces * (reduce.latency * Math.log2(this.#tp) + bytes / this.#bandwidth);
  }
}
