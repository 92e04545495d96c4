import { Rng } from "../../../src/lib/rng.ts";
import { ANSWER_TOKENS, type Cell, rateOf } from "./cells.ts";

/** A request of the trace. */
export interface TraceRow {
  readonly arrivalMs: number;
  /** Begins with the row's number, by which the mock knows it. */
  readonly text: string;
  readonly outputTokens: number;
}

const WORDS = "word ".repeat(8).trim();
const MICROSECONDS = 1000;

/** Requests that arrive as a Poisson process for so long; at least one. */
export function madeTrace(cell: Cell, seconds: number, seed: number): TraceRow[] {
  const rng = new Rng(seed, cell.streams);
  const gapMs = 1000 / rateOf(cell);
  const { least, most } = ANSWER_TOKENS;
  const rows: TraceRow[] = [];
  for (let atMs = 0; rows.length === 0 || atMs < 1000 * seconds; atMs -= gapMs * Math.log1p(-rng.uniform())) {
    rows.push({
      arrivalMs: Math.round(atMs * MICROSECONDS) / MICROSECONDS,
      text: `${rows.length} ${WORDS}`,
      outputTokens: least + rng.below(most - least + 1),
    });
  }
  return rows;
}

/** In Mooncake's form with texts, as aiperf has it (`mooncake_trace`). */
export function traceText(rows: readonly TraceRow[]): string {
  return rows
    .map(({ arrivalMs, text, outputTokens }) =>
      JSON.stringify({ timestamp: arrivalMs, text_input: text, output_length: outputTokens }),
    )
    .map((line) => `${line}\n`)
    .join("");
}
