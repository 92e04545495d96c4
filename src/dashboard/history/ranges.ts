const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How much time is shown at once. */
export interface Range {
  readonly name: RangeName;
  readonly title: string;
  readonly ms: number;
  /** Seconds of a row; of a row of GPUs. */
  readonly step: number;
  readonly gpuStep: number;
  /** How often what is new is asked for. */
  readonly everyMs: number;
}

export type RangeName = "5m" | "1h" | "24h";

export const RANGES: readonly Range[] = [
  { name: "5m", title: "5 minutes", ms: 5 * MINUTE, step: 1, gpuStep: 10, everyMs: 10 * SECOND },
  { name: "1h", title: "1 hour", ms: HOUR, step: 10, gpuStep: 10, everyMs: 10 * SECOND },
  { name: "24h", title: "24 hours", ms: 24 * HOUR, step: 60, gpuStep: 300, everyMs: MINUTE },
];

export function rangeNamed(name: RangeName): Range {
  return RANGES.find((range) => range.name === name) as Range;
}

/** A span of time, milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is shown: until now, or as much before a moment that is past as after it. @param anchor that moment; null for now */
export function spanOf({ ms }: Range, anchor: number | null, now: number): Span {
  const to = anchor === null ? now : anchor + ms / 2;
  return { from: to - ms, to };
}

/** Around what is shown so that a moment can be seen: what was shown stays while it can. */
export function anchorOf(range: Range, before: number | null, at: number | null, now: number): number | null {
  const sees = (anchor: number | null, moment: number) => {
    const { from, to } = spanOf(range, anchor, now);
    return moment >= from && moment <= to;
  };
  if (at === null) return null;
  if (sees(before, at)) return before;
  return sees(null, at) || at > now ? null : at;
}
