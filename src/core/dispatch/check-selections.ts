import type { TokenBatch } from "./token-batch.ts";

/**
 * Holds a batch to its contract before a chooser reads it: an id out of range would find the replicas of another
 * expert or layer without a word. Whoever reads ids from a file refuses them there (formats/routing-trace.ts).
 * @param layer what messages call the layer
 * @param column where the layer's `topk` expert ids begin within each row of `batch.experts`
 * @throws RangeError naming the first token, and the layer, with an id that is neither an expert nor -1
 */
export function checkSelections(layer: number, column: number, batch: TokenBatch, experts: number): void {
  const { tokens, rows, experts: ids, rowStride, topk } = batch;
  const last = experts - 1;
  const lastBase = ids.length - topk;
  // Any fault turns the sign: one look at the end is cheaper than one at every id.
  let signs = 0;
  for (let token = 0; token < tokens; token++) {
    const base = rows[token] * rowStride + column;
    signs |= base | (lastBase - base);
    for (let k = 0; k < topk; k++) {
      const id = ids[base + k];
      signs |= (id + 1) | (last - id);
    }
  }
  if (signs < 0) throw firstFault(layer, column, batch, experts);
}

function firstFault(layer: number, column: number, batch: TokenBatch, experts: number): RangeError {
  const { rows, experts: ids, rowStride, topk } = batch;
  const idOf = (o: number) => ids[rows[Math.floor(o / topk)] * rowStride + column + (o % topk)];
  let o = 0;
  while (idOf(o) >= -1 && idOf(o) < experts) o++;
  const where = `token ${Math.floor(o / topk)} layer ${layer}`;
  return new RangeError(`${where} has expert ${idOf(o)}; expected 0..${experts - 1}, or -1 for none`);
}
