import type { AttentionWork } from "../core/cost/attention-work.ts";
import { type StepBatch, fillSources } from "./step-batch.ts";

/** The tokens of one step, enough to send them through again. */
export interface StepRecord {
  readonly atMs: number;
  readonly rows: Int32Array;
  readonly work: readonly AttentionWork[];
  readonly units: number;
  readonly windows: readonly number[];
}

/**
 * Keeps a bounded, evenly spaced sample of a pool's steps: every one at first; whenever the bound is reached,
 * every other one is dropped and from then on half as many are taken.
 */
export class StepRecorder {
  readonly #maxTokens: number;
  #records: StepRecord[] = [];
  #tokens = 0;
  #stride = 1;
  #steps = 0;
  #tokensSeen = 0;

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  record(atMs: number, batch: StepBatch): void {
    this.#tokensSeen += batch.tokens;
    if (this.#steps++ % this.#stride !== 0) return;
    this.#records.push({
      atMs,
      rows: batch.rows.slice(0, batch.tokens),
      work: structuredClone(batch.work),
      units: batch.units,
      windows: batch.windows,
    });
    this.#tokens += batch.tokens;
    while (this.#tokens > this.#maxTokens && this.#records.length > 1) this.#thin();
  }

  get records(): readonly StepRecord[] {
    return this.#records;
  }

  /** The part of all tokens that the records hold, 0..1. */
  get share(): number {
    return this.#tokensSeen === 0 ? 1 : this.#tokens / this.#tokensSeen;
  }

  #thin(): void {
    this.#records = this.#records.filter((_, i) => i % 2 === 0);
    this.#tokens = this.#records.reduce((sum, { rows }) => sum + rows.length, 0);
    this.#stride *= 2;
  }
}

/** Lays a recorded step out as the batch it was. */
export function replayBatch(record: StepRecord): StepBatch {
  const { rows, units, windows } = record;
  const batch = { tokens: rows.length, sources: new Int32Array(rows.length), rows, units, windows };
  const laid = { ...batch, work: [...record.work] };
  let at = 0;
  for (let rank = 0; rank < laid.work.length; rank++) {
    const { tokens } = laid.work[rank];
    fillSources(laid, rank, at, at + tokens);
    at += tokens;
  }
  return laid;
}
