import { type AttentionWork, noAttentionWork } from "../core/cost/attention-work.ts";
import { unitOf } from "../model/engine-shape.ts";

/** What one forward pass of the pool works on: every rank's tokens, side by side. Reused from step to step. */
export interface StepBatch {
  tokens: number;
  /** `[tokens]`: the expert unit each token begins at (EngineShape): its rank's, which without tensor parallelism are one. */
  sources: Int32Array;
  /** `[tokens]`: the row of each token in the routing source. */
  rows: Int32Array;
  /** `[ranks]` */
  readonly work: AttentionWork[];
  readonly units: number;
  /** Of the model's attention (`attentionWindows`). */
  readonly windows: readonly number[];
}

/** A batch without tokens, to be filled for each step. @param units expert units (EngineShape), by default the ranks */
export function stepBatch(ranks: number, windows: readonly number[], units = ranks): StepBatch {
  return {
    tokens: 0,
    sources: new Int32Array(1024),
    rows: new Int32Array(1024),
    work: Array.from({ length: ranks }, () => noAttentionWork(windows.length)),
    units,
    windows,
  };
}

/** Where tokens `from .. to` of a batch, which are a rank's, begin. */
export function fillSources(
  { sources, work, units }: Pick<StepBatch, "sources" | "work" | "units">,
  rank: number,
  from: number,
  to: number,
): void {
  const ranks = work.length;
  if (ranks >= units) sources.fill(unitOf(rank, 0, ranks, units), from, to);
  else for (let token = from; token < to; token++) sources[token] = unitOf(rank, token, ranks, units);
}
