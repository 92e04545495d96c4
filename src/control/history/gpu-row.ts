import { type Filling, fillingsTogether } from "./filling.ts";
import type { Row } from "./falling-rows.ts";

/** As long as rows of GPUs are at first. */
export const GPU_ROW_S = 10;

/** `[gpus]`, in thousandths of selections; zeros at the end may be left out. These are added up. */
export const GPU_SUMS = [
  /** What each GPU had, over all layers. */
  "load",
  /** What it had above the mean, in the layers in which no GPU had more: steps waited for it. */
  "held",
] as const;

/** `[gpus]`: of these the most counts. */
export const GPU_MOSTS = [
  /** Hundredths of the rank's key-value cache. */
  "kvUse",
  "waiting",
  "running",
  /** 0, DRAINED or LOST. */
  "state",
] as const;

export const DRAINED = 1;
export const LOST = 2;

type PerGpu = (typeof GPU_SUMS)[number] | (typeof GPU_MOSTS)[number];

/** What the GPUs of a pool did in a span of time, and how they were. Whole numbers: sums are the same in any order. */
export interface GpuRow extends Row, Readonly<Record<PerGpu, readonly number[]>> {
  /** Of the windows that ended here, ms. */
  readonly spanMs: number;
  /** What each GPU would have had with all layers level, over all layers: the mean of those in service. */
  readonly even: number;
  /** Windows that say how ranks are. */
  readonly rankWindows: number;
  /** The GPUs that steps waited for most in any ten seconds, with what filled them. */
  readonly fullest: readonly Filling[];
}

export type GpuFigures = Omit<GpuRow, keyof Row>;

export function gpuRowsTogether(a: GpuFigures, b: GpuFigures): GpuFigures {
  const both = {
    spanMs: a.spanMs + b.spanMs,
    even: a.even + b.even,
    rankWindows: a.rankWindows + b.rankWindows,
    fullest: fillingsTogether(a.fullest, b.fullest),
  } as { -readonly [K in keyof GpuFigures]: GpuFigures[K] };
  for (const name of GPU_SUMS) both[name] = pairwise(a[name], b[name], (x, y) => x + y);
  for (const name of GPU_MOSTS) both[name] = pairwise(a[name], b[name], Math.max);
  return both;
}

function pairwise(
  a: readonly number[],
  b: readonly number[],
  of: (x: number, y: number) => number,
): readonly number[] {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  return long.map((value, i) => of(value, short[i] ?? 0));
}
