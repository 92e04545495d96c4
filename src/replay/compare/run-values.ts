import { CANCELLED, LEFT } from "../request-record.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import { figuresTpotMs, isGoodFigures, type RequestFigures } from "../report/request-figures.ts";

/** Gaps are counted in bins a hundredth wide. */
const BIN = Math.log(1.01);
const SHORTEST_MS = 0.001;

/** A value of each request, by its place in the run; NaN where it has none. */
export type Values = Float64Array;

/** What a comparison knows of a run: a row for each request, by its index in the trace. Warm-ups are left out. */
export interface RunValues {
  readonly count: number;
  readonly seconds: number;
  readonly index: Values;
  readonly asked: Values;
  /** 1 or 0. */
  readonly completed: Values;
  readonly failed: Values;
  readonly good: Values | null;
  /** Of completed ones, else 0. */
  readonly outputTokens: Values;
  /** Milliseconds, of completed ones. */
  readonly ttftMs: Values;
  readonly tpotMs: Values;
  readonly e2eMs: Values;
  readonly gaps: Gaps;
  /** Requests in flight, the mean over the run. */
  readonly meanInFlight: number;
}

/** The gaps between the tokens of each request. */
export interface Gaps {
  readonly count: Values;
  readonly sumMs: Values;
  /** Of row i those from `begins[i]` to `begins[i + 1]`: the number of a bin, and how many are in it. */
  readonly begins: Uint32Array;
  readonly bins: Int32Array;
  readonly counts: Uint32Array;
}

/** @param seconds how long the run took */
export function runValues(
  requests: readonly RequestFigures[],
  seconds: number,
  goodput: GoodputTargets | null,
): RunValues {
  const rows = requests.filter(({ warmUp }) => !warmUp).toSorted((a, b) => a.index - b.index);
  const of = (value: (figures: RequestFigures) => number | null): Values =>
    Float64Array.from(rows, (figures) => value(figures) ?? Number.NaN);
  const done = (value: (figures: RequestFigures) => number | null): Values =>
    of((figures) => (figures.error === null ? value(figures) : null));
  const busyMs = rows.reduce((sum, { endedMs, sentMs }) => sum + endedMs - (sentMs ?? endedMs), 0);
  return {
    count: rows.length,
    seconds,
    index: of(({ index }) => index),
    asked: of(({ askedTokens }) => askedTokens),
    completed: of(({ error }) => (error === null ? 1 : 0)),
    failed: of(({ error }) => (error === null || error === CANCELLED || error === LEFT ? 0 : 1)),
    good: goodput === null ? null : of((figures) => (isGoodFigures(figures, goodput) ? 1 : 0)),
    outputTokens: of(({ error, outputTokens }) => (error === null ? outputTokens : 0)),
    ttftMs: done(({ ttftMs }) => ttftMs),
    tpotMs: done(figuresTpotMs),
    e2eMs: done(({ e2eMs }) => e2eMs),
    gaps: gapsOf(rows),
    meanInFlight: seconds > 0 ? busyMs / 1000 / seconds : 0,
  };
}

/** The middle of a bin, in milliseconds. */
export function binMs(bin: number): number {
  return SHORTEST_MS * Math.exp(bin * BIN);
}

function gapsOf(rows: readonly RequestFigures[]): Gaps {
  const begins = new Uint32Array(rows.length + 1);
  const bins: number[] = [];
  const counts: number[] = [];
  for (const [i, { error, itlMs }] of rows.entries()) {
    const held = new Map<number, number>();
    for (const gap of error === null ? itlMs : []) {
      const bin = Math.round(Math.log(Math.max(SHORTEST_MS, gap) / SHORTEST_MS) / BIN);
      held.set(bin, (held.get(bin) ?? 0) + 1);
    }
    for (const [bin, count] of held) {
      bins.push(bin);
      counts.push(count);
    }
    begins[i + 1] = bins.length;
  }
  const done = rows.map(({ error, itlMs }) => (error === null ? itlMs : []));
  return {
    count: Float64Array.from(done, (gaps) => gaps.length),
    sumMs: Float64Array.from(done, (gaps) => gaps.reduce((sum, gap) => sum + gap, 0)),
    begins,
    bins: Int32Array.from(bins),
    counts: Uint32Array.from(counts),
  };
}
