import { type MoeModel, expertBytes, kvBytesPerToken, moeLayers } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import { attentionWeights } from "./attention-weights.ts";
import type { Hardware } from "./hardware.ts";

/** Part of the GPU's memory an engine gives to weights and cache (SGLang's `--mem-fraction-static` for DeepSeek-V3). */
const MEMORY_FRACTION = 0.85;

/** Tokens of key-value cache one rank has room for beside its weights: attention replicated, experts by slots. */
export function kvCapacityTokens(model: MoeModel, topology: Topology, hardware: Hardware): number {
  const dense = 3 * model.hidden * model.denseIntermediate * model.denseLayers;
  const experts = moeLayers(model) * (topology.slotsPerGpu + model.sharedExperts) * expertBytes(model);
  // Embedding and head are BF16.
  const vocabulary = 2 * model.vocabulary * model.hidden * 2;
  const weights = attentionWeights(model) * model.layers + dense + experts + vocabulary;
  return Math.max(0, Math.floor((hardware.memoryBytes * MEMORY_FRACTION - weights) / kvBytesPerToken(model)));
}
