import type { AnswerTruth } from "../../../src/replay/self-test/timed-mock.ts";
import type { TraceRow } from "./made-trace.ts";

/**
 * How much later than the trace says the mock had each request, counted from the one that came earliest by the trace's
 * clock, for nobody but the tool knows when that began; milliseconds, ascending.
 */
export function latenessOf(rows: readonly TraceRow[], answers: readonly AnswerTruth[]): Float64Array {
  const late = Float64Array.from(answers, ({ row, receivedMs }) => receivedMs - rows[row].arrivalMs).sort();
  return late.map((ms) => ms - late[0]);
}
