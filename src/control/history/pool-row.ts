import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { Row } from "./falling-rows.ts";

/** Whole numbers, so that sums are the same in any order. These are added up. */
export const POOL_SUMS = [
  /** Of the windows that ended here, ms. */
  "spanMs",
  /** Hundredths of tokens forwarded. */
  "tokens",
  /** Hundredths of Σ mean and Σ maximum GPU load over steps and layers. */
  "sumMean",
  "sumMax",
  /** (token, layer) pairs whose hops are known; their hops. */
  "pairs",
  "hops",
  "nodeHops",
  "steps",
  /** µs. */
  "stepTime",
  /** Windows that say how many requests are running; those requests. */
  "queueWindows",
  "running",
] as const;

/** Of these the most counts. */
export const POOL_MOSTS = [
  "waiting",
  /** Thousandths of the fullest rank's key-value cache. */
  "kvUse",
  /** Thousandths of the mean GPU's load, of the fullest GPU in its fullest layer. */
  "peak",
  "lostRanks",
  "missingExperts",
  "epoch",
] as const;

/** What a pool did in a span of time, and how it was. */
export interface PoolRow
  extends Row,
    Readonly<Record<(typeof POOL_SUMS)[number] | (typeof POOL_MOSTS)[number], number>> {}

type Figures = Omit<PoolRow, keyof Row>;

export function poolRowsTogether(a: Figures, b: Figures): Figures {
  const both: { -readonly [K in keyof Figures]: number } = { ...a };
  for (const name of POOL_SUMS) both[name] += b[name];
  for (const name of POOL_MOSTS) both[name] = Math.max(both[name], b[name]);
  return both;
}

/** How a pool is, whatever it does. */
export type PoolCondition = Pick<PoolRow, "lostRanks" | "missingExperts" | "epoch">;

/** Where no window has ended. */
export function quietFigures(condition: PoolCondition): Figures {
  const none = Object.fromEntries([...POOL_SUMS, ...POOL_MOSTS].map((name) => [name, 0])) as Figures;
  return { ...none, ...condition };
}

/** @param report of the same window */
export function windowFigures(
  window: PoolWindow,
  { layers, ranks, gpuPeak }: PoolReport,
  condition: PoolCondition,
): Figures {
  const hopsKnown = Number.isFinite(window.hops) && Number.isFinite(window.nodeHops);
  const stepsKnown = Number.isFinite(window.steps) && Number.isFinite(window.stepMs);
  return {
    ...condition,
    spanMs: Math.round(window.spanMs),
    tokens: Math.round(window.tokens * 100),
    sumMean: Math.round(window.sumMean * 100),
    sumMax: Math.round(window.sumMax * 100),
    pairs: hopsKnown ? Math.round(window.tokens * layers) : 0,
    hops: hopsKnown ? Math.round(window.hops) : 0,
    nodeHops: hopsKnown ? Math.round(window.nodeHops) : 0,
    steps: stepsKnown ? Math.round(window.steps) : 0,
    stepTime: stepsKnown ? Math.round(window.stepMs * 1000) : 0,
    queueWindows: ranks.length > 0 ? 1 : 0,
    running: Math.round(ranks.reduce((sum, { running }) => sum + running, 0)),
    waiting: Math.round(ranks.reduce((sum, { waiting }) => sum + waiting, 0)),
    kvUse: Math.round(1000 * ranks.reduce((most, { kvUse }) => Math.max(most, kvUse), 0)),
    peak: Math.round(1000 * gpuPeak.reduce((most, { timesMean }) => Math.max(most, timesMean), 0)),
  };
}
