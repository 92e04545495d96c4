import type { PoolSample } from "../live/wire.ts";
import { type HistoryFigures, type HistoryRow, isGap, spanOfRow } from "./history-row.ts";
import type { Span } from "./ranges.ts";

/** A time, milliseconds since 1970, and what was measured; null makes a gap. */
export type LinePoint = readonly [at: number, value: number | null];

/** What a second has beside what reports say of it. */
const NOT_SAID = {
  peak: null,
  running: null,
  waiting: null,
  kvUse: null,
  lostRanks: null,
  missingExperts: null,
  epoch: null,
  requestsPerSecond: null,
  failedPerSecond: null,
  ttftP50: null,
  ttftP95: null,
  ttftP99: null,
  itlP50: null,
  itlP95: null,
  itlP99: null,
};

/** A report does not say how long its window was: since the one before it, if that is no longer ago than this. */
const LONGEST_WINDOW_MS = 15_000;

/** Rows for the seconds that have come since the last was stored. */
export function withSeconds(
  rows: readonly HistoryRow[],
  samples: readonly PoolSample[],
  fromMs: number,
): readonly HistoryRow[] {
  const last = rows.at(-1);
  const end = last === undefined ? fromMs : last.at + last.seconds * 1000;
  const seconds = samples.filter(({ atMs }) => atMs - 1000 >= end);
  return [...rows, ...seconds.map((sample, i) => secondOf(sample, seconds[i - 1]?.atMs ?? end))];
}

function secondOf(sample: PoolSample, beforeMs: number): HistoryRow {
  const { atMs, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs } = sample;
  const said = { tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs };
  const sinceMs = atMs - beforeMs;
  const measuredMs = sinceMs > LONGEST_WINDOW_MS ? 1000 : sinceMs;
  return { ...NOT_SAID, ...said, at: atMs - 1000, seconds: 1, measuredMs };
}

/** Figures that gateways measure, ten seconds at a time. */
const MEASURED_BY_GATEWAYS = 10_000;

/**
 * The line of one figure. Between rows that lie further apart than they are long, nothing is known: there it has a gap. A
 * row may be of a window that has begun long before it.
 */
export function linePoints(rows: readonly HistoryRow[], figure: keyof HistoryFigures): LinePoint[] {
  const least = /^(ttft|itl|requests|failed)/.test(figure) ? MEASURED_BY_GATEWAYS : 0;
  const points: LinePoint[] = [];
  let before: Span | null = null;
  for (const row of rows) {
    const value = row[figure];
    if (value === null) continue;
    const span = spanOfRow(row, least);
    if (before !== null && isGap(before, row, span)) points.push([(before.to + span.from) / 2, null]);
    points.push([row.at + row.seconds * 500, value]);
    before = span;
  }
  return points;
}
