import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";

/** How an expert's tokens are split over its replicas, and what a GPU's capacity is worth. */
export interface Shares {
  /** `[layers][slots]`: the fraction of its expert's tokens a slot gets; an expert's shares sum to 1. */
  readonly values: ReadonlyNumbers;
  /**
   * `[layers][gpus]`: the dual of "minimise the maximum GPU load": what one more token on this GPU adds to
   * the layer's maximum. ≥ 0, sums to 1 per layer, 0 where a GPU is not a bottleneck.
   */
  readonly prices: ReadonlyNumbers;
}
