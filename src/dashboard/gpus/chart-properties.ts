import type { PoolReport } from "../live/wire.ts";
import type { GpuCost } from "./gpu-cost.ts";

/** What a chart of GPUs is given. */
export interface GpuChartProperties {
  readonly costs: readonly GpuCost[];
  readonly topology: PoolReport["topology"];
  /** How many times as long as an even step a step takes; null where nothing was forwarded. */
  readonly factor: number | null;
  readonly loadLine: number | null;
  readonly chosen: number | null;
  readonly pointed: number | null;
  readonly marked: readonly number[];
  readonly point: (gpu: number) => void;
  readonly choose: (gpu: number) => void;
}

/** @returns the classes of a GPU's mark */
export function markOf(gpu: number, { chosen, pointed, marked }: GpuChartProperties): string {
  return [
    gpu === chosen ? "chosen" : "",
    gpu === pointed ? "pointed-at" : "",
    marked.includes(gpu) ? "marked" : "",
  ].join(" ");
}
