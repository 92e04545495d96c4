import { type Row, inSteps } from "../control/history/falling-rows.ts";
import type { PoolHistory } from "../control/history/pool-history.ts";
import { poolRowsTogether } from "../control/history/pool-row.ts";
import { trafficRowsTogether } from "../control/history/traffic-row.ts";
import { HISTORY_FIGURES } from "./history-figures.ts";
import type { HistoryQuestion } from "./history-question.ts";

type Figures = Readonly<Record<string, number | null>>;
interface AnswerRow {
  /** Its beginning, milliseconds since 1970. */
  readonly at: number;
  readonly seconds: number;
  readonly figures: Figures;
}

const DIGITS = 6;
/** Rows that are kept are no longer. */
const LONGEST_S = 60;

/** The rows that begin in the time asked for, the oldest first. */
function rowsOf({ pool, traffic }: PoolHistory, { from, to, step }: HistoryQuestion): AnswerRow[] {
  const since = <R extends Row>(rows: readonly R[], fromMs: number) =>
    rows.filter(({ atS }) => atS * 1000 >= fromMs && atS * 1000 < to);
  // A row of requests may begin before the row that lies in it.
  const measured = inSteps(
    since(traffic, from - Math.max(step, LONGEST_S) * 1000),
    step,
    trafficRowsTogether,
  );
  let next = 0;
  return inSteps(since(pool, from), step, poolRowsTogether).map((row) => {
    while (next < measured.length && measured[next].atS + measured[next].seconds <= row.atS) next++;
    const beside = measured[next];
    const figures = figuresOf(row, beside !== undefined && beside.atS <= row.atS ? beside : null);
    return { at: row.atS * 1000, seconds: row.seconds, figures };
  });
}

/** All of the time asked for as one row; null where nothing is kept of it. */
function wholeOf({ pool, traffic }: PoolHistory, { from, to }: HistoryQuestion): Figures | null {
  const within = ({ atS }: Row) => atS * 1000 >= from && atS * 1000 < to;
  const [row, ...rows] = pool.filter(within);
  if (row === undefined) return null;
  const [first, ...others] = traffic.filter(within);
  return figuresOf(
    rows.reduce<typeof row>((sum, one) => ({ ...one, ...poolRowsTogether(sum, one) }), row),
    first === undefined
      ? null
      : others.reduce<typeof first>((sum, one) => ({ ...one, ...trafficRowsTogether(sum, one) }), first),
  );
}

function figuresOf(...measured: Parameters<(typeof HISTORY_FIGURES)[number]["of"]>): Figures {
  return Object.fromEntries(HISTORY_FIGURES.map(({ key, of }) => [key, rounded(of(...measured))]));
}

export function historyJson(pool: string, history: PoolHistory, question: HistoryQuestion): object {
  const rows = rowsOf(history, question).map(({ figures, ...when }) => ({ ...when, ...figures }));
  return { pool, ...question, whole: wholeOf(history, question), rows };
}

/** A header, then a line for each row; empty for what was not measured. */
export function historyCsv(history: PoolHistory, question: HistoryQuestion): string {
  const header = ["time_utc", "seconds", ...HISTORY_FIGURES.map(({ column }) => column)];
  const lines = rowsOf(history, question).map(({ at, seconds, figures }) => [
    new Date(at).toISOString(),
    seconds,
    ...HISTORY_FIGURES.map(({ key }) => figures[key] ?? ""),
  ]);
  return [header, ...lines].map((line) => `${line.join(",")}\n`).join("");
}

function rounded(value: number | null): number | null {
  return value === null || Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}
