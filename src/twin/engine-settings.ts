import { type EngineShape, PLAIN_SHAPE } from "../model/engine-shape.ts";

/** How an engine spreads a model over its GPUs, and its work over a step. */
export interface EngineSettings {
  readonly shape: EngineShape;
  /** Whether two micro-batches overlap where that is faster. */
  readonly overlaps: boolean;
}

/** Data-parallel attention with expert parallelism, as DeepSeek serves. */
export const WIDE_EP_ENGINE: EngineSettings = { shape: PLAIN_SHAPE, overlaps: true };
