import type { MoeModel } from "../../model/moe-model.ts";
import { normalExchangeBytes } from "./exchange-bytes.ts";
import type { Hardware } from "./hardware.ts";

/**
 * What a node hop of a token costs, as a part of the time that a perfectly balanced pool computes the token's experts:
 * bytes out in FP8 and back in BF16 over the network, against the arithmetic of its top-k experts.
 */
export function nodeHopCost(model: MoeModel, hardware: Hardware): number {
  const { hidden, moeIntermediate, topk } = model;
  const { dispatch, combine } = normalExchangeBytes(model, 1);
  const flops = 2 * 3 * hidden * moeIntermediate * topk;
  return (dispatch + combine) / hardware.rdmaBandwidth / (flops / hardware.expertFlops);
}
