import { type GateShape, V3Gate } from "../../../src/core/gate/v3-gate.ts";
import type { Rng } from "../../../src/lib/rng.ts";
import { range, type RoutedTokens } from "../routed-tokens.ts";

/** Tokens that a trial of a skew is judged by. */
const TRIAL_TOKENS = 2048;
/** Halvings of the interval that the skew is looked for in; its width is one of the scores' own ranges. */
const HALVINGS = 12;

/**
 * Tokens, each a request of one tenant, that the gate sends by scores that are uniform in 0..1, independent, and biased.
 * @param bias `[layers][experts]`
 */
export function gateTokens(shape: GateShape, bias: Float64Array, tokens: number, rng: Rng): RoutedTokens {
  const { experts: width, topk } = shape;
  const layers = bias.length / width;
  const gate = new V3Gate(shape);
  const scores = new Float64Array(width);
  const experts = new Int16Array(tokens * layers * topk);
  for (let token = 0; token < tokens; token++) {
    for (let layer = 0; layer < layers; layer++) {
      for (let e = 0; e < width; e++) scores[e] = rng.uniform() + bias[layer * width + e];
      gate.select(scores, experts, (token * layers + layer) * topk);
    }
  }
  const trace = { tokens, layers, topk, experts };
  return { trace, experts: width, request: range(0, tokens), tenant: new Int32Array(tokens) };
}

/** `[experts]` of one layer: normal, and so wide that this many experts get this share of the selections. */
export function skewedBias(shape: GateShape, hottest: number, share: number, rng: Rng): Float64Array {
  const normals = Float64Array.from({ length: shape.experts }, () => rng.normal());
  const wide = (width: number) => normals.map((normal) => width * normal);
  let low = 0;
  let high = 1;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    const tokens = gateTokens(shape, wide(middle), TRIAL_TOKENS, rng);
    if (hottestShare(tokens, hottest) < share) low = middle;
    else high = middle;
  }
  return wide(low);
}

/** Part of all selections that the hottest experts get, in the first layer. */
function hottestShare({ trace, experts }: RoutedTokens, hottest: number): number {
  const counts = new Int32Array(experts);
  for (const expert of trace.experts) counts[expert]++;
  const sum = counts
    .toSorted()
    .subarray(experts - hottest)
    .reduce((a, b) => a + b, 0);
  return sum / trace.experts.length;
}
