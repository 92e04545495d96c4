import type { GpuHistoryRow } from "../history/gpu-history-row.ts";
import type { PoolCondition, PoolReport } from "../live/wire.ts";

export type GpuState = "live" | "lost" | "draining" | "drained";

/** What one GPU does to a pool's steps. */
export interface GpuCost {
  readonly gpu: number;
  readonly state: GpuState;
  /** Its load over all layers, relative to the mean GPU. */
  readonly load: number;
  /** How much longer a step takes for it, in parts of an even one. */
  readonly holds: number;
  /** Of its fullest layer: the row, and its load there relative to the mean GPU. */
  readonly peak: { readonly layer: number; readonly timesMean: number };
}

const NO_PEAK = { layer: 0, timesMean: 0 };

/** `[gpus]` @param stopped ranks that are known to have stopped, before the pool's leader finds it */
export function gpuCosts(
  { gpuLoad, gpuHolds, gpuPeak }: PoolReport,
  condition: PoolCondition | null,
  stopped: readonly number[],
): GpuCost[] {
  const lost = new Set([...stopped, ...(condition?.lost ?? []).map(({ rank }) => rank)]);
  const stateOf = (gpu: number): GpuState =>
    lost.has(gpu)
      ? "lost"
      : condition?.drained.includes(gpu)
        ? "drained"
        : condition?.draining.includes(gpu)
          ? "draining"
          : "live";
  return gpuLoad.map((load, gpu) => ({
    gpu,
    state: stateOf(gpu),
    load,
    holds: gpuHolds[gpu] ?? 0,
    peak: gpuPeak[gpu] ?? NO_PEAK,
  }));
}

/** `[gpus]`, at a time that is past. */
export function gpuCostsThen({ load, held, lost, drained }: GpuHistoryRow, gpus: number): GpuCost[] {
  const count = Math.max(gpus, load?.length ?? 0);
  return Array.from({ length: count }, (_, gpu) => ({
    gpu,
    state: lost.includes(gpu) ? "lost" : drained.includes(gpu) ? "drained" : "live",
    load: load?.[gpu] ?? 0,
    holds: held?.[gpu] ?? 0,
    peak: NO_PEAK,
  }));
}

/** The GPU that steps wait for most; the fullest where none is waited for. Null for no GPUs. */
export function mostWaitedFor(costs: readonly GpuCost[]): GpuCost | null {
  return costs.reduce<GpuCost | null>(
    (most, one) =>
      most === null || one.holds > most.holds || (one.holds === most.holds && one.load > most.load)
        ? one
        : most,
    null,
  );
}

/** What of the load line is left: 0.2 where steps may take a fifth longer than they do; below 0 past it. */
export function roomOf(factor: number | null, loadLine: number): number | null {
  return factor === null ? null : loadLine / factor - 1;
}
