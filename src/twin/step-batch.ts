import { type AttentionWork, noAttentionWork } from "../core/cost/attention-work.ts";

/** What one forward pass of the pool works on: every rank's tokens, side by side. Reused from step to step. */
export interface StepBatch {
  tokens: number;
  /** `[tokens]`: the rank each token is on. */
  sources: Int32Array;
  /** `[tokens]`: the row of each token in the routing source. */
  rows: Int32Array;
  readonly work: AttentionWork[];
  /** Of the model's attention (`attentionWindows`). */
  readonly windows: readonly number[];
}

export function stepBatch(ranks: number, windows: readonly number[]): StepBatch {
  return {
    tokens: 0,
    sources: new Int32Array(1024),
    rows: new Int32Array(1024),
    work: Array.from({ length: ranks }, () => noAttentionWork(windows.length)),
    windows,
  };
}
