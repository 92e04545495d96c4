import type { ServingTimes } from "../../../src/twin/calibration/serving-point.ts";

/** What is asked: limits in milliseconds, and tokens of answers per second over all GPUs; null for as much as a GPU gives. */
export interface Question {
  readonly ttftMs: number;
  readonly tpotMs: number;
  readonly load: number | null;
}

/** GPUs at a load, and what comes of it. */
export interface Served {
  readonly gpus: number;
  readonly times: ServingTimes;
}

/** A pick, judged by what was measured. */
export interface Verdict {
  /** Whether any candidate keeps the limits. */
  readonly possible: boolean;
  readonly picked: boolean;
  readonly keeps: boolean;
  /** GPUs more than the best that keeps needs, in parts; null where the pick keeps nothing. */
  readonly regret: number | null;
  /** `overLimits`; null where all is kept, or nothing is picked. */
  readonly missedBy: number | null;
}

function keeps({ ttftMs, tpotMs }: ServingTimes, asked: Question): boolean {
  return ttftMs <= asked.ttftMs && tpotMs <= asked.tpotMs;
}

/** Of the limit that is missed by most, or kept by least: 0.1 is a tenth over it. */
export function overLimits({ ttftMs, tpotMs }: ServingTimes, asked: Question): number {
  return Math.max(ttftMs / asked.ttftMs, tpotMs / asked.tpotMs) - 1;
}

/** GPUs in whole units for a load; without one, GPUs for a token a second. */
export function gpusNeeded({ gpus, times }: Served, { load }: Question): number {
  if (load === null) return 1 / times.outTokSGpu;
  return gpus * Math.max(1, Math.ceil(load / (times.outTokSGpu * gpus) - 1e-9));
}

/** Of those that keep the limits, which needs least GPUs; of these, which gives most tokens of a GPU. Null: none keeps them. */
export function cheapest<T>(all: readonly T[], asked: Question, servedOf: (one: T) => Served): T | null {
  let best: { readonly one: T; readonly needs: number; readonly gives: number } | null = null;
  for (const one of all) {
    const served = servedOf(one);
    if (!keeps(served.times, asked)) continue;
    const needs = gpusNeeded(served, asked);
    const gives = served.times.outTokSGpu;
    if (best === null || needs < best.needs || (needs === best.needs && gives > best.gives))
      best = { one, needs, gives };
  }
  return best?.one ?? null;
}

/** @param pick one of the candidates, or null where the chooser says that none keeps the limits */
export function judge<T>(
  pick: T | null,
  all: readonly T[],
  asked: Question,
  measuredOf: (one: T) => Served,
): Verdict {
  const best = cheapest(all, asked, measuredOf);
  const possible = best !== null;
  if (pick === null) return { possible, picked: false, keeps: false, regret: null, missedBy: null };
  const served = measuredOf(pick);
  if (best === null || !keeps(served.times, asked)) {
    const missedBy = overLimits(served.times, asked);
    return { possible, picked: true, keeps: false, regret: null, missedBy };
  }
  const regret = gpusNeeded(served, asked) / gpusNeeded(measuredOf(best), asked) - 1;
  return { possible, picked: true, keeps: true, regret, missedBy: null };
}

/** Verdicts of one chooser together, over questions that some candidate keeps. */
export interface RegretSummary {
  readonly questions: number;
  /** Parts of the questions. */
  readonly best: number;
  readonly nearBest: number;
  readonly missed: number;
  readonly none: number;
  /** Over picks that keep the limits; null without any. */
  readonly median: number | null;
  readonly p90: number | null;
  /** Median over picks that miss them. */
  readonly missedBy: number | null;
}

/** Picks that keep the limits with so few GPUs more are as good as the best: repeats of a point differ by that. */
const NEAR = 0.1;
const EQUAL = 1e-9;

export function summarize(verdicts: readonly Verdict[]): RegretSummary {
  const asked = verdicts.filter(({ possible }) => possible);
  const regrets = asked.flatMap(({ regret }) => regret ?? []).sort((a, b) => a - b);
  const misses = asked.flatMap(({ missedBy }) => missedBy ?? []).sort((a, b) => a - b);
  const part = (count: number) => (asked.length === 0 ? 0 : count / asked.length);
  const within = (most: number) => part(regrets.filter((regret) => regret <= most + EQUAL).length);
  return {
    questions: asked.length,
    best: within(0),
    nearBest: within(NEAR),
    missed: part(misses.length),
    none: part(asked.filter(({ picked }) => !picked).length),
    median: quantile(regrets, 0.5),
    p90: quantile(regrets, 0.9),
    missedBy: quantile(misses, 0.5),
  };
}

function quantile(sorted: readonly number[], part: number): number | null {
  return sorted.length === 0 ? null : sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}
