import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../model/traffic.ts";

/** What is found of prompts in the cache of a rank that gets a part of a window's requests. Plain data. */
export interface CachedPart {
  /** Of the prompts' tokens, those that are found. */
  readonly found: number;
  /** Variance of what is left to compute over its mean squared; tokens that 0, 1, 2 … 100 % of the prompts do not exceed. */
  readonly spread: number;
  readonly percentiles: readonly number[];
}

/** All requests, half of them, a quarter and so on. */
const PARTS = 10;

/**
 * Measured on the window itself: what a cache without end has of each prompt, which begins empty and gets each of the requests
 * before with the chance that is its part, as one rank of several does. For all requests, a half, a quarter … of them.
 */
export function cachedParts(requests: readonly TraceRequest[]): CachedPart[] {
  if (!requests.some(({ prefixBlocks = [] }) => prefixBlocks.length > 0)) return [];
  /** Requests so far that have a block, and all before it. */
  const seen = new Map<number, number>();
  const fresh = Array.from({ length: PARTS }, () => new Float64Array(requests.length));
  let all = 0;
  requests.forEach(({ inputTokens, prefixBlocks = [] }, at) => {
    all += inputTokens;
    const blocks = new Float64Array(PARTS);
    for (const block of prefixBlocks) {
      const before = seen.get(block) ?? 0;
      if (before > 0) for (let i = 0; i < PARTS; i++) blocks[i] += 1 - (1 - 2 ** -i) ** before;
    }
    for (const block of prefixBlocks) seen.set(block, (seen.get(block) ?? 0) + 1);
    // The last token is always computed.
    for (let i = 0; i < PARTS; i++)
      fresh[i][at] = inputTokens - Math.min(blocks[i] * PREFIX_BLOCK_TOKENS, inputTokens - 1);
  });
  return fresh.map((tokens) => {
    const left = tokens.reduce((sum, one) => sum + one, 0);
    const mean = left / tokens.length;
    return {
      found: 1 - left / all,
      spread: tokens.reduce((sum, one) => sum + (one / mean - 1) ** 2, 0) / tokens.length,
      percentiles: percentilesOf(Array.from(tokens)),
    };
  });
}

/** What 0, 1, 2 … 100 % do not exceed. @param values at least one */
export function percentilesOf(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return Array.from({ length: 101 }, (_, i) => sorted[Math.max(0, Math.ceil((i / 100) * sorted.length) - 1)]);
}
