import { evenShares } from "../src/core/shares/even-shares.ts";
import { gpuLoads } from "../src/core/shares/gpu-loads.ts";
import type { ExpertLoad } from "../src/model/load.ts";
import { type Placement, indexReplicas } from "../src/model/placement.ts";
import type { PoolCapacity } from "../src/model/pool-capacity.ts";

/** `[layers]`: the fullest GPU's load / speed where an expert's tokens are split evenly over its slots. */
export function evenMaxima(
  placement: Placement,
  load: ExpertLoad,
  { slots, speeds }: PoolCapacity,
): number[] {
  const loads = gpuLoads(placement, evenShares(placement, indexReplicas(placement)).values, load);
  return Array.from({ length: load.layers }, (_, layer) =>
    speeds.reduce((max, speed, gpu) => Math.max(max, loads[layer * slots.length + gpu] / speed), 0),
  );
}

/** Σ mean / Σ maximum over layers; 1 when nothing is loaded. */
export function evenBalancedness(placement: Placement, load: ExpertLoad, capacity: PoolCapacity): number {
  const speed = capacity.speeds.reduce((sum, own, gpu) => (capacity.slots[gpu] > 0 ? sum + own : sum), 0);
  const maxima = evenMaxima(placement, load, capacity).reduce((a, b) => a + b, 0);
  return maxima === 0 ? 1 : load.tokens.reduce((a, b) => a + b, 0) / speed / maxima;
}
