import { Rng } from "../../lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens whose experts are drawn; requests take them one after the other, again and again. */
const TOKENS = 4096;
/** An expert that has been drawn is drawn again so often at most: then its neighbour is taken. */
const MOST_DRAWS = 64;

/**
 * Tokens that together use the experts of each layer as a load says, each token by itself: what they have in common beyond
 * that is not known from a load.
 */
export function routingOfLoad(load: ExpertLoad, topk: number, seed: number): RoutingTrace {
  const { layers, experts } = load;
  const rng = new Rng(seed, 24);
  const chosen = new Int16Array(TOKENS * layers * topk);
  const sums = new Float64Array(experts);
  const taken = new Int32Array(experts).fill(-1);
  for (let layer = 0; layer < layers; layer++) {
    const row = layerLoad(load, layer);
    let sum = 0;
    // An expert that no token took lately is not out of reach.
    const least = row.reduce((total, tokens) => total + tokens, 0) / experts / 1000 || 1;
    for (let expert = 0; expert < experts; expert++) {
      sum += Math.max(row[expert], least);
      sums[expert] = sum;
    }
    for (let token = 0; token < TOKENS; token++) {
      const mark = layer * TOKENS + token;
      const at = (token * layers + layer) * topk;
      for (let k = 0; k < topk; k++) {
        let expert = below(sums, rng.uniform() * sum);
        for (let draws = 1; taken[expert] === mark && draws < MOST_DRAWS; draws++)
          expert = below(sums, rng.uniform() * sum);
        while (taken[expert] === mark) expert = (expert + 1) % experts;
        taken[expert] = mark;
        chosen[at + k] = expert;
      }
    }
  }
  return { tokens: TOKENS, layers, topk, experts: chosen };
}

/** The first whose sum is above a value. */
function below(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
