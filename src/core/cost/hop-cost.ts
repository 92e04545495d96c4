import { type MoeModel, expertWeights } from "../../model/moe-model.ts";
import { arithmeticRate } from "./arithmetic-rate.ts";
import { FLOPS_PER_WEIGHT } from "./core-attention.ts";
import { normalExchangeBytes } from "./exchange-bytes.ts";
import type { Hardware } from "./hardware.ts";

/**
 * What a node hop of a token costs, as a part of the time that a perfectly balanced pool computes the token's experts:
 * bytes out and back over the network, against the arithmetic of its top-k experts.
 */
export function nodeHopCost(model: MoeModel, hardware: Hardware): number {
  const { topk, precision } = model;
  const { dispatch, combine } = normalExchangeBytes(model, 1);
  const flops = FLOPS_PER_WEIGHT * expertWeights(model) * topk;
  const rate = hardware.expertFlops * arithmeticRate(hardware, precision.experts);
  return (dispatch + combine) / hardware.rdmaBandwidth / (flops / rate);
}
