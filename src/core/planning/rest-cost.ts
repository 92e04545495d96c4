import type { MoeModel } from "../../model/moe-model.ts";
import { expertWeights } from "../../model/moe-model.ts";
import { arithmeticRate } from "../cost/arithmetic-rate.ts";
import { FLOPS_PER_WEIGHT } from "../cost/core-attention.ts";
import type { Hardware } from "../cost/hardware.ts";
import { modelWeights } from "../cost/model-weights.ts";

/**
 * What a token takes beside its routed experts and their exchange, for each MoE layer, as a part of the time that a
 * perfectly balanced pool computes the token's experts in one: products with all other weights, of layers without
 * experts too, at the rate of projections, and what prompts take beside kernels. Core attention, which depends on
 * lengths, and logits are left out: the rest is this much at least.
 */
export function restCost(model: MoeModel, hardware: Hardware): number {
  const { topk, precision, moeLayers, layers, mtpLayers } = model;
  const { attention, dense, shared, gates } = modelWeights(model);
  const others = (FLOPS_PER_WEIGHT * (attention + dense + shared + gates)) / moeLayers.length;
  const rest = others / (hardware.projectionFlops * arithmeticRate(hardware, precision.rest));
  const beside = (hardware.fixed.promptToken * (layers + mtpLayers)) / moeLayers.length;
  const experts = FLOPS_PER_WEIGHT * expertWeights(model) * topk;
  return (rest + beside) / (experts / (hardware.expertFlops * arithmeticRate(hardware, precision.experts)));
}
