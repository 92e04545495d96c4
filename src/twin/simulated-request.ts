import type { RoutingSpan } from "./routing-source.ts";

/** A request as it is given to a pool. */
export interface PoolRequest {
  /** No other request in the pool has it. */
  readonly id: number;
  readonly rank: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Its rows where the pool's source admitted it before. */
  readonly routing?: RoutingSpan;
  /** Ids of the prompt's leading blocks (`PREFIX_BLOCK_TOKENS` each); equal ids mean equal text up to there. */
  readonly prefixBlocks?: readonly number[];
  /** Another pool has forwarded its prompt and made its first token, and its cache has arrived: it goes on from there. */
  readonly prefilled?: boolean;
}

/** A request inside a simulated rank. */
export interface SimulatedRequest {
  readonly id: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly routing: RoutingSpan;
  readonly prefixBlocks: readonly number[];
  /** Prompt tokens forwarded so far, or found in the cache. */
  prefilled: number;
  /** Prompt tokens that were in the cache when it started. */
  cached: number;
  /** Output tokens made so far; the prompt's last forward pass makes the first. */
  made: number;
  /** Whether a step has forwarded any of its tokens. */
  started: boolean;
}

/** Tokens of cache the request holds when it ends; ranks admit only what fits to the end, so nothing is ever evicted. */
export function reservedTokens(request: SimulatedRequest): number {
  return request.inputTokens + request.outputTokens;
}
