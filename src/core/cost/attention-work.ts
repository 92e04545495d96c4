import type { MoeModel } from "../../model/moe-model.ts";

/** What the tokens of one rank ask of attention in one forward pass. Sums over its sequences. */
export interface AttentionWork {
  /** Tokens forwarded: the prompt chunk's, one per decoding sequence, and what is drafted behind those. */
  tokens: number;
  /** Σ over prompt tokens of the context each attends to. */
  prefillContext: number;
  /** Σ over the tokens of decoding sequences of the context each attends to. */
  decodeContext: number;
  /** Tokens that need logits. */
  sampled: number;
  /** Sequences that decode. */
  decoding: number;
  /** Drafted tokens that they forward behind their last ones. */
  drafted: number;
  /** `[windows]`: the two contexts as far as each of the model's windows reaches. */
  readonly prefillWithin: number[];
  readonly decodeWithin: number[];
}

/** @param windows how many the model has */
export function noAttentionWork(windows = 0): AttentionWork {
  const none = () => Array.from({ length: windows }, () => 0);
  const within = { prefillWithin: none(), decodeWithin: none() };
  return { tokens: 0, prefillContext: 0, decodeContext: 0, sampled: 0, decoding: 0, drafted: 0, ...within };
}

/** Sets all of it to 0, so that the object can be filled again. */
export function clearWork(work: AttentionWork): void {
  work.tokens = work.prefillContext = work.decodeContext = work.sampled = 0;
  work.decoding = work.drafted = 0;
  work.prefillWithin.fill(0);
  work.decodeWithin.fill(0);
}

/** Tokens that are of no prompt: the last ones of sequences that decode, and what is drafted behind them. */
export function answerTokens({ decoding, drafted }: AttentionWork): number {
  return decoding + drafted;
}

/** The part of all tokens that are of prompts; 0 of none. */
export function promptPartOf(ranks: readonly AttentionWork[]): number {
  let [all, answers] = [0, 0];
  for (const work of ranks) {
    all += work.tokens;
    answers += answerTokens(work);
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

/**
 * One more sequence that decodes, and attends to `context` tokens.
 * @param drafts tokens behind its last one, of which each attends to one more
 */
export function addDecode(
  work: AttentionWork,
  context: number,
  windows: readonly number[],
  drafts = 0,
): void {
  work.tokens += 1 + drafts;
  work.sampled += 1 + drafts;
  work.decoding++;
  work.drafted += drafts;
  for (let reach = context; reach <= context + drafts; reach++) {
    work.decodeContext += reach;
    for (let i = 0; i < windows.length; i++) work.decodeWithin[i] += Math.min(reach, windows[i]);
  }
}

/** The part of what decoding sequences attend to that is read: once for a sequence's last token and its drafts. */
export function readPart({ decoding, drafted }: AttentionWork): number {
  return drafted === 0 ? 1 : decoding / (decoding + drafted);
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
