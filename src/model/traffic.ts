/** One request of a traffic trace. */
export interface TraceRequest {
  /** Milliseconds after the first request of the trace. */
  readonly arrivalMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Ids of the prompt's leading blocks (Mooncake): equal ids mean equal text. */
  readonly prefixBlocks?: readonly number[];
}

/** Tokens of a prompt, or of an answer, at most: more than any model takes, and few enough to make one of. */
export const MOST_REQUEST_TOKENS = 1 << 22;

/** Tokens per prefix block of the Mooncake traces (FAST'25 release). */
export const PREFIX_BLOCK_TOKENS = 512;
