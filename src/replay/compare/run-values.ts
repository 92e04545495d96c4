import { CANCELLED, LEFT } from "../request-record.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import { figuresTpotMs, isGoodFigures, type RequestFigures } from "../report/request-figures.ts";

/** Gaps are counted in bins a hundredth wide. */
const BIN = Math.log(1.01);
const SHORTEST_MS = 0.001;

/** A value of each request, by its place in the run; NaN where it has none. */
export type Values = Float64Array;

/** A part of a run, in milliseconds since it began. */
export interface CountedWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * What a comparison knows of a run: a row for each request, by its index in the trace. Warm-ups are left out, but for
 * those of which a part is in a window of time: of them only that part is known.
 */
export interface RunValues {
  readonly count: number;
  readonly seconds: number;
  readonly index: Values;
  readonly asked: Values;
  /** 1 or 0. */
  readonly completed: Values;
  readonly failed: Values;
  readonly good: Values | null;
  /** What throughput counts: 1 or 0, and tokens. Of a window, completions and tokens in it, else those of `completed`. */
  readonly done: Values;
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

/**
 * @param seconds how long the run took, or its window
 * @param window  what throughput counts; the whole run where it is null
 */
export function runValues(
  requests: readonly RequestFigures[],
  seconds: number,
  goodput: GoodputTargets | null,
  window: CountedWindow | null = null,
): RunValues {
  const counted = (figures: RequestFigures): boolean =>
    !figures.warmUp || (window !== null && busyMs(figures, window) > 0);
  const rows = requests.filter(counted).toSorted((a, b) => a.index - b.index);
  const of = (value: (figures: RequestFigures) => number | null): Values =>
    Float64Array.from(rows, (figures) => value(figures) ?? Number.NaN);
  const isCompleted = ({ error, warmUp }: RequestFigures): boolean => error === null && !warmUp;
  const done = (value: (figures: RequestFigures) => number | null): Values =>
    of((figures) => (isCompleted(figures) ? value(figures) : null));
  const isGood = (figures: RequestFigures): boolean =>
    goodput !== null && !figures.warmUp && isGoodFigures(figures, goodput);
  return {
    count: rows.length,
    seconds,
    index: of(({ index }) => index),
    asked: of(({ askedTokens }) => askedTokens),
    completed: of((figures) => Number(isCompleted(figures))),
    failed: of(({ error, warmUp }) =>
      Number(!(warmUp || error === null || error === CANCELLED || error === LEFT)),
    ),
    good: goodput === null ? null : of((figures) => Number(isGood(figures))),
    done: of((figures) => Number(figures.error === null && isWithin(figures.endedMs, window))),
    outputTokens: of((figures) => tokensWithin(figures, window)),
    ttftMs: done(({ ttftMs }) => ttftMs),
    tpotMs: done(figuresTpotMs),
    e2eMs: done(({ e2eMs }) => e2eMs),
    gaps: gapsOf(rows.map((figures) => (isCompleted(figures) ? figures.itlMs : []))),
    meanInFlight: seconds > 0 ? sum(rows.map((figures) => busyMs(figures, window))) / 1000 / seconds : 0,
  };
}

/** For how long it was in flight. */
function busyMs({ sentMs, endedMs }: RequestFigures, window: CountedWindow | null): number {
  const { fromMs, toMs } = window ?? { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
  return sentMs === null ? 0 : Math.max(0, Math.min(endedMs, toMs) - Math.max(sentMs, fromMs));
}

function isWithin(ms: number, window: CountedWindow | null): boolean {
  return window === null || (ms >= window.fromMs && ms < window.toMs);
}

/** Of a completed request all; of a window as many as of its frames came in it, whatever became of the request. */
function tokensWithin(figures: RequestFigures, window: CountedWindow | null): number {
  const { error, outputTokens, scheduledMs, ttftMs, itlMs } = figures;
  if (window === null) return error === null ? outputTokens : 0;
  if (ttftMs === null) return 0;
  let atMs = scheduledMs + ttftMs;
  let frames = Number(isWithin(atMs, window));
  for (const gap of itlMs) {
    atMs += gap;
    frames += Number(isWithin(atMs, window));
  }
  return (outputTokens * frames) / (itlMs.length + 1);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The middle of a bin, in milliseconds. */
export function binMs(bin: number): number {
  return SHORTEST_MS * Math.exp(bin * BIN);
}

/** @param ofRows the gaps of each row */
function gapsOf(ofRows: readonly (readonly number[])[]): Gaps {
  const begins = new Uint32Array(ofRows.length + 1);
  const bins: number[] = [];
  const counts: number[] = [];
  for (const [i, gaps] of ofRows.entries()) {
    const held = new Map<number, number>();
    for (const gap of gaps) {
      const bin = Math.round(Math.log(Math.max(SHORTEST_MS, gap) / SHORTEST_MS) / BIN);
      held.set(bin, (held.get(bin) ?? 0) + 1);
    }
    for (const [bin, count] of held) {
      bins.push(bin);
      counts.push(count);
    }
    begins[i + 1] = bins.length;
  }
  return {
    count: Float64Array.from(ofRows, (gaps) => gaps.length),
    sumMs: Float64Array.from(ofRows, sum),
    begins,
    bins: Int32Array.from(bins),
    counts: Uint32Array.from(counts),
  };
}
