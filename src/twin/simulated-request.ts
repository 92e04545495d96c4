import type { RoutingSpan } from "./routing-source.ts";

/** A request inside a simulated rank. */
export interface SimulatedRequest {
  readonly id: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly routing: RoutingSpan;
  /** Prompt tokens forwarded so far. */
  prefilled: number;
  /** Output tokens made so far; the prompt's last forward pass makes the first. */
  made: number;
}

/** Tokens of cache the request holds when it ends; ranks admit only what fits to the end, so nothing is ever evicted. */
export function reservedTokens(request: SimulatedRequest): number {
  return request.inputTokens + request.outputTokens;
}
