/** What the tokens of one rank ask of attention in one forward pass. Sums over its sequences. */
export interface AttentionWork {
  /** Tokens forwarded: the prompt chunk's and one per decoding sequence. */
  tokens: number;
  /** Σ over prompt tokens of the context each attends to. */
  prefillContext: number;
  /** Σ over decoding sequences of the context each attends to. */
  decodeContext: number;
  /** Sequences that need logits. */
  sampled: number;
}

export function noAttentionWork(): AttentionWork {
  return { tokens: 0, prefillContext: 0, decodeContext: 0, sampled: 0 };
}

/** Σ of the context over a chunk of `count` prompt tokens that begins at position `start` (each sees itself too). */
export function chunkContext(start: number, count: number): number {
  return count * start + (count * (count + 1)) / 2;
}
