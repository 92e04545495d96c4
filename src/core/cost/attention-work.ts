import type { MoeModel } from "../../model/moe-model.ts";

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
  /** Sequences that decode. */
  decoding: number;
  /** `[windows]`: the two contexts as far as each of the model's windows reaches. */
  readonly prefillWithin: number[];
  readonly decodeWithin: number[];
}

/** @param windows how many the model has */
export function noAttentionWork(windows = 0): AttentionWork {
  const none = () => Array.from({ length: windows }, () => 0);
  const within = { prefillWithin: none(), decodeWithin: none() };
  return { tokens: 0, prefillContext: 0, decodeContext: 0, sampled: 0, decoding: 0, ...within };
}

export function clearWork(work: AttentionWork): void {
  work.tokens = work.prefillContext = work.decodeContext = work.sampled = work.decoding = 0;
  work.prefillWithin.fill(0);
  work.decodeWithin.fill(0);
}

/** The part of all tokens that are of prompts; 0 of none. */
export function promptPartOf(ranks: readonly AttentionWork[]): number {
  let [all, answers] = [0, 0];
  for (const { tokens, decoding } of ranks) {
    all += tokens;
    answers += decoding;
  }
  return all === 0 ? 0 : 1 - answers / all;
}

/** The tokens that a model's attention reaches back at most, where that is bounded: each once, ascending. */
export function attentionWindows({ attention }: MoeModel): readonly number[] {
  const windows = attention.map(windowOf).filter((window) => window !== null);
  return [...new Set(windows)].sort((a, b) => a - b);
}

/** What one kind of attention reaches; null for all. */
export function windowOf(attention: MoeModel["attention"][number]): number | null {
  if (attention.kind === "gqa") return attention.window;
  return attention.kind === "mla" && attention.indexer !== null ? attention.indexer.topk : null;
}

/** One more sequence that decodes, and attends to `context` tokens. */
export function addDecode(work: AttentionWork, context: number, windows: readonly number[]): void {
  work.tokens++;
  work.sampled++;
  work.decoding++;
  work.decodeContext += context;
  for (let i = 0; i < windows.length; i++) work.decodeWithin[i] += Math.min(context, windows[i]);
}

/** A chunk of `count` prompt tokens that begins at position `start`. */
export function addPrefill(
  work: AttentionWork,
  start: number,
  count: number,
  windows: readonly number[],
): void {
  work.tokens += count;
  work.prefillContext += chunkContext(start, count);
  for (let i = 0; i < windows.length; i++) {
    const whole = Math.min(count, Math.max(0, windows[i] - start));
    work.prefillWithin[i] += chunkContext(start, whole) + (count - whole) * windows[i];
  }
}

/** Σ of the context over a chunk of `count` prompt tokens that begins at position `start` (each sees itself too). */
export function chunkContext(start: number, count: number): number {
  return count * start + (count * (count + 1)) / 2;
}
