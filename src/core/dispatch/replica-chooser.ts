import type { TokenBatch } from "./token-batch.ts";

/** Chooses a replica for every selection of a batch, one layer at a time. Keeps its buffers from call to call. */
export interface ReplicaChooser {
  /**
   * @param layer  MoE layer of the placement
   * @param column where the layer's `topk` expert ids begin within each row of `batch.experts`
   * @param slots  `[tokens × topk]`, written: the physical slot of every selection, -1 where there is none,
   *   or no replica of its expert
   */
  choose(layer: number, column: number, batch: TokenBatch, slots: Int32Array): void;
}
