import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { PoolReport } from "../../model/pool-report.ts";

/** What each GPU costs a pool whose every layer waits for its fullest GPU. */
interface GpuCosts {
  readonly peaks: PoolReport["gpuPeak"];
  readonly holds: PoolReport["gpuHolds"];
  readonly layerBalancedness: PoolReport["layerBalancedness"];
}

/**
 * @param gpuLoad `[layers][gpus]`
 * @param serving GPUs in service, which a mean is over
 */
export function gpuCosts(gpuLoad: Float64Array, gpus: number, serving: ReadonlyNumbers): GpuCosts {
  const most = new Float64Array(gpus);
  const layerOfMost = new Int32Array(gpus);
  const holds = new Float64Array(gpus);
  const layerBalancedness: (number | null)[] = [];
  let even = 0;
  for (let layer = 0; layer * gpus < gpuLoad.length; layer++) {
    const row = gpuLoad.subarray(layer * gpus, (layer + 1) * gpus);
    let mean = 0;
    for (let i = 0; i < serving.length; i++) mean += row[serving[i]] / serving.length;
    if (mean === 0) {
      layerBalancedness.push(null);
      continue;
    }
    even += mean;
    let fullest = 0;
    for (let gpu = 0; gpu < gpus; gpu++) {
      if (row[gpu] > row[fullest]) fullest = gpu;
      if (row[gpu] / mean <= most[gpu]) continue;
      most[gpu] = row[gpu] / mean;
      layerOfMost[gpu] = layer;
    }
    holds[fullest] += row[fullest] - mean;
    layerBalancedness.push(rounded(mean / row[fullest], 1000));
  }
  return {
    peaks: Array.from(most, (timesMean, gpu) => ({
      layer: layerOfMost[gpu],
      timesMean: rounded(timesMean, 1000),
    })),
    layerBalancedness,
    holds: Array.from(holds, (held) => (even === 0 ? 0 : rounded(held / even, 10_000))),
  };
}

function rounded(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
