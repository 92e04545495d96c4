import { type AttentionWork, noAttentionWork } from "../../core/cost/attention-work.ts";
import type { Hardware } from "../../core/cost/hardware.ts";
import { StepCost } from "../../core/cost/step-cost.ts";
import { rankCount } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import { type EngineSettings, WIDE_EP_ENGINE } from "../engine-settings.ts";
import type { StepBatch } from "../step-batch.ts";

/**
 * A model with the layer that drafts: one more like its last (DeepSeek-V3's module for multi-token prediction), with
 * experts, cache and weights of its own. Models whose experts of that layer are balanced have it already.
 */
export function withDraftLayer(model: MoeModel): MoeModel {
  if (model.mtpLayers > 0) return model;
  const number = model.layers;
  const last = model.attention.findIndex(({ layers }) => layers.includes(number - 1));
  const attention = model.attention.map((kind, i) =>
    i === last ? { ...kind, layers: [...kind.layers, number] } : kind,
  );
  return { ...model, mtpLayers: 1, moeLayers: [...model.moeLayers, number], attention };
}

/**
 * What drafting adds to a step. The layer that drafts runs once over all of the step's tokens, so that it has their
 * cache, and once more for each further token that it drafts. Each time it is taken to last as long as one of the
 * model's layers with experts does on average in this step, and makes logits for every answer.
 */
export class DraftTime {
  readonly #cost: StepCost;
  readonly #layers: number;
  readonly #passes: number;
  /** `[ranks]`: tokens with logits and without, to tell what logits take. */
  readonly #scored: readonly AttentionWork[];
  readonly #unscored: readonly AttentionWork[];

  constructor(
    model: MoeModel,
    topology: Topology,
    hardware: Hardware,
    draftTokens: number,
    engine: EngineSettings = WIDE_EP_ENGINE,
  ) {
    const windows = model.attention.length;
    const works = () =>
      Array.from({ length: rankCount(topology, engine.shape) }, () => noAttentionWork(windows));
    this.#cost = new StepCost(model, topology, hardware, engine);
    this.#layers = model.moeLayers.length;
    // Where the model has the layer, its first time is part of the step.
    this.#passes = model.mtpLayers > 0 ? draftTokens - 1 : draftTokens;
    this.#scored = works();
    this.#unscored = works();
  }

  /** @param ms the step without drafting */
  ms({ work }: StepBatch, ms: number): number {
    const layer = ms / 1000 - this.#cost.outsideMoe(work);
    for (let rank = 0; rank < work.length; rank++) {
      const [scored, unscored] = [this.#scored[rank], this.#unscored[rank]];
      const { decoding } = work[rank];
      scored.tokens = scored.decoding = scored.sampled = decoding;
      unscored.tokens = unscored.decoding = decoding;
    }
    const logits = this.#cost.outsideMoe(this.#scored) - this.#cost.outsideMoe(this.#unscored);
    return 1000 * this.#passes * (layer / this.#layers + logits);
  }
}
