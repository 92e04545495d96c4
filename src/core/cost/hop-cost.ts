import type { MoeModel } from "../../model/moe-model.ts";
import { FP8_SCALE_BLOCK } from "../../model/moe-model.ts";
import type { Hardware } from "./hardware.ts";

/**
 * What a node hop of a token costs, as a part of the time that a perfectly balanced pool computes the token's experts:
 * bytes out in FP8 and back in BF16 over the network, against the arithmetic of its top-k experts.
 */
export function nodeHopCost(model: MoeModel, hardware: Hardware): number {
  const { hidden, moeIntermediate, topk } = model;
  const bytes = hidden * (1 + 4 / FP8_SCALE_BLOCK + 2);
  const flops = 2 * 3 * hidden * moeIntermediate * topk;
  return bytes / hardware.rdmaBandwidth / (flops / hardware.expertFlops);
}
