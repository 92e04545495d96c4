import { stepFactor } from "../figures/averages.ts";
import type { Span } from "./ranges.ts";
import type { GpusThen } from "./gpu-history-row.ts";

/** Figures of a span of time, as `GET /ep/v1/history/:pool` answers (docs/expert-plane.md); null for what was not measured. */
export interface HistoryFigures {
  readonly measuredMs: number;
  readonly tokensPerSecond: number | null;
  readonly balancedness: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly stepMs: number | null;
  /** Of the fullest GPU in its fullest layer, times the mean. */
  readonly peak: number | null;
  readonly running: number | null;
  readonly waiting: number | null;
  /** 0..1, of the fullest rank. */
  readonly kvUse: number | null;
  readonly lostRanks: number | null;
  readonly missingExperts: number | null;
  readonly epoch: number | null;
  readonly requestsPerSecond: number | null;
  readonly failedPerSecond: number | null;
  readonly ttftP50: number | null;
  readonly ttftP95: number | null;
  readonly ttftP99: number | null;
  readonly itlP50: number | null;
  readonly itlP95: number | null;
  readonly itlP99: number | null;
}

export interface HistoryRow extends HistoryFigures {
  /** Its beginning, milliseconds since 1970, and its length. */
  readonly at: number;
  readonly seconds: number;
}

export interface HistoryAnswer {
  /** All of the time as one row; null where nothing is kept of it. */
  readonly whole: HistoryFigures | null;
  /** The oldest first. */
  readonly rows: readonly HistoryRow[];
}

/**
 * What a row says something of: its time, or all of the window that ended in it.
 * @param leastMs how long it is at least
 */
export function spanOfRow({ at, seconds, measuredMs }: HistoryRow, leastMs = 0): Span {
  const to = at + seconds * 1000;
  return { from: to - Math.max(seconds * 1000, measuredMs, leastMs), to };
}

/** Whether nothing is known between them: rounds do not begin with the second, and one may have none. */
export function isGap(before: Span, row: HistoryRow, span: Span): boolean {
  return span.from - before.to > row.seconds * 1000;
}

/** The row of a moment; null where nothing is known of it. */
export function rowAt(rows: readonly HistoryRow[], at: number): HistoryRow | null {
  const next = rows.findIndex((row) => spanOfRow(row).to > at);
  if (next < 0) return null;
  const row = rows[next];
  const span = spanOfRow(row);
  if (at >= span.from) return row;
  return next > 0 && !isGap(spanOfRow(rows[next - 1]), row, span) ? row : null;
}

/**
 * The moment so many rows on from another one, in whole seconds: times of which nothing is known are passed over.
 * @param at null for now
 * @returns null where no such row is known
 */
export function rowsOn(rows: readonly HistoryRow[], at: number | null, steps: number): number | null {
  const next = at === null ? -1 : rows.findIndex((row) => spanOfRow(row).to > at);
  const row = rows[(next < 0 ? rows.length : next) + steps];
  return row === undefined ? null : Math.ceil(spanOfRow(row).to / 1000) * 1000 - 1000;
}

/**
 * What was known and what was asked for again.
 * @param fresh all from `from` on
 */
export function joined<R extends { readonly at: number }>(
  known: readonly R[],
  fresh: readonly R[],
  from: number,
): readonly R[] {
  return [...known.filter(({ at }) => at < from), ...fresh];
}

/** How many times as long as an even step a step took in the seconds of a row of GPUs; null where nothing was forwarded. */
export function factorThen({ row }: GpusThen, rows: readonly HistoryRow[]): number | null {
  if (row === null) return null;
  const within = rows.filter(({ at }) => at >= row.at && at < row.at + row.seconds * 1000);
  const around = within.length > 0 ? within : [rowAt(rows, row.at)].filter((one) => one !== null);
  return stepFactor(
    around.map(({ balancedness, tokensPerSecond }) => ({
      balancedness,
      tokensPerSecond: tokensPerSecond ?? 0,
    })),
  );
}
