import type { RoutingSpan } from "./routing-source.ts";

/** A request inside a simulated rank. */
export interface SimulatedRequest {
  readonly id: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly routing: RoutingSpan;
  /** Ids of the prompt's leading blocks (`PREFIX_BLOCK_TOKENS` each); equal ids mean equal text up to there. */
  readonly prefixBlocks: readonly number[];
  /** Prompt tokens forwarded so far, or found in the cache. */
  prefilled: number;
  /** Output tokens made so far; the prompt's last forward pass makes the first. */
  made: number;
}

/** Tokens of cache the request holds when it ends; ranks admit only what fits to the end, so nothing is ever evicted. */
export function reservedTokens(request: SimulatedRequest): number {
  return request.inputTokens + request.outputTokens;
}
