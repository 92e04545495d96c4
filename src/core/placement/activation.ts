import { type ExpertLoad, layerLoad } from "../../model/load.ts";

/** Ties between activations are broken by tokens: a whole GPU's tokens weigh as much as this part of an activation. */
const TOKEN_WEIGHT = 0.01;

/**
 * The chance that a decode batch activates each expert, which is what its GPU then pays for: with few tokens the
 * time of an expert is that of reading its weights (METRO, arXiv 2512.09277). Independent tokens are assumed:
 * 1 − e^−(expected selections). Tokens break ties.
 *
 * @param batchTokens tokens of the pool-wide batch
 * @param topk experts per token
 * @returns `[layers][experts]`, to be placed like a load
 */
export function activationLoad(load: ExpertLoad, batchTokens: number, topk: number): ExpertLoad {
  const { layers, experts } = load;
  const tokens = new Float64Array(layers * experts);
  for (let layer = 0; layer < layers; layer++) {
    const given = layerLoad(load, layer);
    const sum = given.reduce((a, b) => a + b, 0);
    if (sum === 0) continue;
    for (let e = 0; e < experts; e++) {
      const selections = (given[e] / sum) * batchTokens * topk;
      tokens[layer * experts + e] = 1 - Math.exp(-selections) + (TOKEN_WEIGHT * given[e]) / sum;
    }
  }
  return { layers, experts, tokens };
}
