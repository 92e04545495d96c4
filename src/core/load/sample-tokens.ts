import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens of a routing trace that co-activation is read from: more cost time and tell little more. */
const SAMPLE_TOKENS = 8192;

/** An even sample of a routing trace's tokens. */
export function sampleTokens(trace: RoutingTrace): RoutingTrace {
  const tokens = Math.min(SAMPLE_TOKENS, trace.tokens);
  const width = trace.layers * trace.topk;
  const experts = new Int16Array(tokens * width);
  for (let i = 0; i < tokens; i++) {
    const from = Math.floor((i * trace.tokens) / tokens) * width;
    experts.set(trace.experts.subarray(from, from + width), i * width);
  }
  return { ...trace, tokens, experts };
}
