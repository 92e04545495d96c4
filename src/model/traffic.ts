/** One request of a traffic trace. */
export interface TraceRequest {
  /** Milliseconds after the first request of the trace. */
  readonly arrivalMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Ids of the prompt's leading blocks (Mooncake): equal ids mean equal text. */
  readonly prefixBlocks?: readonly number[];
}

/** Tokens per prefix block of the Mooncake traces (FAST'25 release). */
export const PREFIX_BLOCK_TOKENS = 512;
