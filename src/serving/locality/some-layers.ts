import { type RoutingTrace, thinned } from "../../model/routing-trace.ts";
import type { SignatureShape } from "../../routing/locality/signature-shape.ts";

/** Looked at of an answer. */
const MOST_TOKENS = 256;

/** Some tokens of an answer at the layers of signatures, copied; null where it has other layers than the model. */
export function atLayers(routing: RoutingTrace, { layers }: SignatureShape): RoutingTrace | null {
  if (routing.tokens === 0 || layers[layers.length - 1] >= routing.layers) return null;
  const { tokens, topk, experts, layers: all } = thinned(routing, MOST_TOKENS);
  const some = new Int16Array(tokens * layers.length * topk);
  let to = 0;
  for (let token = 0; token < tokens; token++) {
    for (const layer of layers) {
      const from = (token * all + layer) * topk;
      for (let k = 0; k < topk; k++) some[to++] = experts[from + k];
    }
  }
  return { tokens, layers: layers.length, topk, experts: some };
}

/** `[layers][experts]`: the part of the tokens that select each. */
export function mixOf(
  { tokens, layers, topk, experts: ids }: RoutingTrace,
  shape: SignatureShape,
): Float32Array {
  const mix = new Float32Array(shape.width);
  const share = 1 / tokens;
  for (let token = 0, i = 0; token < tokens; token++) {
    for (let layer = 0; layer < layers; layer++) {
      const first = layer * shape.experts;
      for (let k = 0; k < topk; k++, i++) if (ids[i] >= 0) mix[first + ids[i]] += share;
    }
  }
  return mix;
}
