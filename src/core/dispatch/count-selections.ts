import type { TokenBatch } from "./token-batch.ts";

/**
 * Counts a layer's selections of each expert.
 * @param column where the layer's `topk` expert ids begin within each row of `batch.experts`
 * @param count  `[experts]`, written
 */
export function countSelections(column: number, batch: TokenBatch, count: Float64Array): void {
  const { tokens, rows, experts, rowStride, topk } = batch;
  count.fill(0);
  for (let token = 0; token < tokens; token++) {
    const base = rows[token] * rowStride + column;
    for (let k = 0; k < topk; k++) if (experts[base + k] >= 0) count[experts[base + k]]++;
  }
}
