import { type MoeModel, expertBytes, sharedBytes } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import { BF16_BYTES, bytesPerWeight } from "../../model/weights.ts";
import type { Hardware } from "./hardware.ts";
import { modelWeights } from "./model-weights.ts";

/** Part of the GPU's memory an engine gives to weights and cache (SGLang's `--mem-fraction-static` for DeepSeek-V3). */
const MEMORY_FRACTION = 0.85;

/** Bytes that one rank has for key-value cache and states beside its weights: attention replicated, experts by slots. */
export function kvCapacityBytes(model: MoeModel, topology: Topology, hardware: Hardware): number {
  const { attention, dense, vocabulary } = modelWeights(model);
  const experts = model.moeLayers.length * (topology.slotsPerGpu * expertBytes(model) + sharedBytes(model));
  const rest = (attention + dense) * bytesPerWeight(model.precision.rest);
  const weights = rest + experts + vocabulary * BF16_BYTES;
  return Math.max(0, hardware.memoryBytes * MEMORY_FRACTION - weights);
}
