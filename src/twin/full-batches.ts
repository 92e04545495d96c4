import { noAttentionWork } from "../core/cost/attention-work.ts";
import type { StepRecord } from "./step-recorder.ts";

/**
 * The same tokens in fewer, larger steps, as a pool under full load would forward them: consecutive steps are
 * joined until there are `tokensPerRank` for every rank, and dealt out in equal blocks. What is left over at the
 * end is left out.
 */
export function fullBatches(records: readonly StepRecord[], tokensPerRank: number): StepRecord[] {
  const joined: StepRecord[] = [];
  let open: StepRecord[] = [];
  let tokens = 0;
  for (const record of records) {
    open.push(record);
    tokens += record.rows.length;
    if (tokens < tokensPerRank * record.work.length) continue;
    joined.push(join(open, tokens));
    open = [];
    tokens = 0;
  }
  return joined;
}

function join(records: readonly StepRecord[], tokens: number): StepRecord {
  const ranks = records[0].work.length;
  const rows = new Int32Array(tokens);
  const { windows, units } = records[0];
  const total = noAttentionWork(windows.length);
  let at = 0;
  for (const record of records) {
    rows.set(record.rows, at);
    at += record.rows.length;
    for (const work of record.work) {
      total.prefillContext += work.prefillContext;
      total.decodeContext += work.decodeContext;
      total.sampled += work.sampled;
      total.decoding += work.decoding;
      total.drafted += work.drafted;
      for (let i = 0; i < windows.length; i++) {
        total.prefillWithin[i] += work.prefillWithin[i];
        total.decodeWithin[i] += work.decodeWithin[i];
      }
    }
  }
  const work = Array.from({ length: ranks }, (_, rank) => ({
    tokens: Math.floor(((rank + 1) * tokens) / ranks) - Math.floor((rank * tokens) / ranks),
    prefillContext: total.prefillContext / ranks,
    decodeContext: total.decodeContext / ranks,
    sampled: total.sampled / ranks,
    decoding: total.decoding / ranks,
    drafted: total.drafted / ranks,
    prefillWithin: total.prefillWithin.map((context) => context / ranks),
    decodeWithin: total.decodeWithin.map((context) => context / ranks),
  }));
  return { atMs: records[0].atMs, rows, work, units, windows };
}
