import type { IdlePiece } from "./idle-line.ts";
import type { RoutingSpan } from "../routing-source.ts";

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

/** A request inside a simulated rank. Its tokens are its prompt and what has been made: the last has no cache yet. */
export interface SimulatedRequest {
  readonly id: number;
  readonly rank: number;
  readonly inputTokens: number;
  /** Of which it is complete here. */
  readonly outputTokens: number;
  readonly routing: RoutingSpan;
  readonly prefixBlocks: readonly number[];
  /** Tokens whose cache is there: forwarded, found, or arrived. */
  computed: number;
  /** Output tokens made so far; the last forward pass of a prompt makes the first. */
  made: number;
  /** Tokens it has room for in the cache, shared blocks included. */
  room: number;
  /** Leading prefix blocks of that room that it shares, and their tokens. */
  sharedBlocks: number;
  sharedTokens: number;
  /** Tokens that were forwarded as a prompt since it last started. */
  prompted: number;
  /** What it left behind when it gave up its cache. */
  leftover: IdlePiece | null;
  /** Prompt tokens that were in the cache when it first started. */
  cached: number;
  /** Whether a step has forwarded any of its tokens. */
  started: boolean;
  over: boolean;
}

/** Tokens that are known of a request: forwarding the last of them makes the next. */
export function knownTokens({ inputTokens, made }: SimulatedRequest): number {
  return inputTokens + made;
}

/** Whether its next forward pass is of its last token only; else it has a prompt to forward, or its tokens anew. */
export function decodes({ inputTokens, made, computed }: SimulatedRequest): boolean {
  return made > 0 && computed === inputTokens + made - 1;
}

/** Tokens of a request when it ends. */
export function endTokens({ inputTokens, outputTokens }: SimulatedRequest): number {
  return inputTokens + outputTokens;
}
