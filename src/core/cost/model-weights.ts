import { type MoeModel, compressionWeights, expertWeights, ffnMatrices } from "../../model/moe-model.ts";
import { attentionWeights } from "./attention-weights.ts";

/** Weights of a model by what they are for, over all layers. Norms and biases, a few in ten thousand, are left out. */
export interface ModelWeights {
  readonly attention: number;
  readonly dense: number;
  readonly shared: number;
  /** With what compresses tokens for the experts. */
  readonly gates: number;
  /** All routed experts. */
  readonly experts: number;
  /** Of the embedding and the head. */
  readonly vocabulary: number;
}

/** Counts the weights of a whole model, by what they are used for. */
export function modelWeights(model: MoeModel): ModelWeights {
  const { hidden, attention, moeLayers, denseLayers, experts } = model;
  const ffn = (width: number) => ffnMatrices(model) * hidden * width;
  return {
    attention: attention.reduce((sum, kind) => sum + kind.layers.length * attentionWeights(kind, hidden), 0),
    dense: denseLayers.length * ffn(model.denseIntermediate),
    shared: moeLayers.length * model.sharedExperts * ffn(model.sharedIntermediate),
    gates: moeLayers.length * (hidden * experts + compressionWeights(model)),
    experts: moeLayers.length * experts * expertWeights(model),
    vocabulary: (model.tiedEmbeddings ? 1 : 2) * model.vocabulary * hidden,
  };
}

/** Parameters of the model. */
export function totalParameters(model: MoeModel): number {
  const { attention, dense, shared, gates, experts, vocabulary } = modelWeights(model);
  return attention + dense + shared + gates + experts + vocabulary;
}

/** Parameters that one token is multiplied with: its top-k experts, and the head but not the embedding. */
export function activeParameters(model: MoeModel): number {
  const { attention, dense, shared, gates, experts } = modelWeights(model);
  const head = model.vocabulary * model.hidden;
  return attention + dense + shared + gates + (experts * model.topk) / model.experts + head;
}
