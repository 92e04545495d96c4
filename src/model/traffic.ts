/** One request of a traffic trace. */
export interface TraceRequest {
  /** Milliseconds after the first request of the trace. */
  readonly arrivalMs: number;
  /** Of the whole prompt, with what it repeats of earlier turns. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Ids of the prompt's leading blocks: equal ids mean equal text. */
  readonly prefixBlocks?: readonly number[];
  /** Tokens of each of them; `PREFIX_BLOCK_TOKENS` where it is missing. */
  readonly blockTokens?: number;
  /** The conversation it belongs to. Its turns are in their order; those of equal number go side by side. */
  readonly session?: string;
  /** From 1. It is sent at `arrivalMs`, or `thinkMs` after the answer to the turn before, whichever is later. */
  readonly turn?: number;
  /** 0 where it is missing. */
  readonly thinkMs?: number;
  readonly tenant?: string;
  /** As the API has it: the least goes first. */
  readonly priority?: number;
  /** The kind of traffic, in the trace's own word. */
  readonly trafficClass?: string;
  /** As the trace calls it, which need not be what the server does. */
  readonly model?: string;
  /** The prompt itself, where the trace holds it; at most one of the two. */
  readonly prompt?: string;
  readonly messages?: readonly TraceMessage[];
}

/** A message of a prompt. */
export interface TraceMessage {
  readonly role: string;
  /** Null for an answer that the trace does not hold. */
  readonly content: string | null;
  /** How long such an answer is. */
  readonly tokens?: number;
}

/** Tokens of a prompt, or of an answer, at most: more than any model takes, and few enough to make one of. */
export const MOST_REQUEST_TOKENS = 1 << 22;

/** Tokens per prefix block of the Mooncake traces (FAST'25 release). */
export const PREFIX_BLOCK_TOKENS = 512;
