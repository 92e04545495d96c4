import { type MoeModel, expertBytes, sharedBytes } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import { BF16_BYTES, bytesPerWeight } from "../../model/weights.ts";
import type { Hardware } from "./hardware.ts";
import { modelWeights } from "./model-weights.ts";

/** Bytes of a GPU's weights. */
export interface WeightBytes {
  /** What every GPU has of the model, whatever experts it holds: attention, dense layers, gates, shared experts, vocabulary. */
  readonly everywhere: number;
  /** One expert in every MoE layer. */
  readonly perSlot: number;
}

/** What the model's weights take in memory, in bytes, in the precisions it is served in. */
export function weightBytes(model: MoeModel): WeightBytes {
  const { attention, dense, gates, vocabulary } = modelWeights(model);
  const layers = model.moeLayers.length;
  return {
    everywhere:
      (attention + dense) * bytesPerWeight(model.precision.rest) +
      (gates + vocabulary) * BF16_BYTES +
      layers * sharedBytes(model),
    perSlot: layers * expertBytes(model),
  };
}

/** Bytes of a GPU for weights, key-value cache and states. */
export function usableBytes({ memoryBytes, memoryPart }: Hardware): number {
  return memoryBytes * memoryPart;
}

/** Bytes that one rank has for key-value cache and states beside its weights. */
export function kvCapacityBytes(model: MoeModel, topology: Topology, hardware: Hardware): number {
  const { everywhere, perSlot } = weightBytes(model);
  return Math.max(0, usableBytes(hardware) - everywhere - topology.slotsPerGpu * perSlot);
}
