import type { ServingTimes } from "./serving-point.ts";

/** Median and 90th percentile of |predicted ÷ measured − 1|, of so many points. */
export interface ErrorOf {
  readonly points: number;
  readonly median: number;
  readonly p90: number;
}

/** Of each time; null where it was measured nowhere. */
export type TimeErrors = Readonly<Record<keyof ServingTimes, ErrorOf | null>>;

/** Null where it is not known. */
export type KnownTimes = Readonly<Record<keyof ServingTimes, number | null>>;

/** A point as it was predicted, and as it was measured. */
export interface Compared {
  readonly predicted: ServingTimes;
  readonly measured: KnownTimes;
}

/** The times in the order in which they are shown. */
export const MEASURES = ["tpotMs", "outTokSGpu", "ttftMs"] as const;

/** How far predictions are off, in parts of what was measured. */
export function timeErrors(compared: readonly Compared[]): TimeErrors {
  const of = (measure: keyof ServingTimes): ErrorOf | null => {
    const errors = compared
      .flatMap(({ predicted, measured }) => relativeError(predicted[measure], measured[measure]) ?? [])
      .map(Math.abs)
      .sort((a, b) => a - b);
    if (errors.length === 0) return null;
    return { points: errors.length, median: quantile(errors, 0.5), p90: quantile(errors, 0.9) };
  };
  return { ttftMs: of("ttftMs"), tpotMs: of("tpotMs"), outTokSGpu: of("outTokSGpu") };
}

/** 0.1 = a tenth too much. */
export function relativeError(predicted: number, measured: number | null): number | null {
  return measured === null ? null : predicted / measured - 1;
}

/** Nearest rank. @param sorted ascending, at least one */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}
