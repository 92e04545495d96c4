import type { TokenBatch } from "../src/core/dispatch/token-batch.ts";
import type { ExpertLoad } from "../src/model/load.ts";
import type { RoutingTrace } from "../src/model/routing-trace.ts";

/** The load that a trace of one layer comes to. */
export function loadOf(trace: RoutingTrace, experts: number): ExpertLoad {
  const tokens = new Float64Array(experts);
  for (const expert of trace.experts) if (expert >= 0) tokens[expert]++;
  return { layers: 1, experts, tokens };
}

/** The loads of its consecutive batches of so many tokens; what does not fill one is left out. */
export function batchLoads(trace: RoutingTrace, experts: number, tokens: number): ExpertLoad[] {
  const { topk } = trace;
  return Array.from({ length: Math.floor(trace.tokens / tokens) }, (_, batch) => {
    const ids = trace.experts.subarray(batch * tokens * topk, (batch + 1) * tokens * topk);
    return loadOf({ tokens, layers: 1, topk, experts: ids }, experts);
  });
}

/**
 * All its tokens as one batch.
 * @param sourceOf the GPU of each token
 */
export function batchOf(trace: RoutingTrace, sourceOf: (token: number) => number): TokenBatch {
  const { tokens, topk, experts } = trace;
  return {
    tokens,
    sources: Int32Array.from({ length: tokens }, (_, token) => sourceOf(token)),
    rows: Int32Array.from({ length: tokens }, (_, token) => token),
    experts,
    rowStride: topk,
    topk,
  };
}
