import type { PoolReport } from "../live/wire.ts";
import type { GpuPicture } from "./gpu-measures.ts";

/** What a chart of GPUs is given. */
export interface GpuChartProperties {
  readonly picture: GpuPicture;
  readonly topology: PoolReport["topology"];
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
