import type { ExpertLoad } from "../../model/load.ts";
import { type Placement, type ReplicaIndex, gpusInService } from "../../model/placement.ts";
import { solveShares } from "./solve-shares.ts";

/**
 * Σ mean / Σ maximum GPU load over layers and loads, each shared as is best for it: what the placement allows. Of GPUs
 * that hold an expert, and of experts that have a replica.
 */
export function balancednessOver(
  placement: Placement,
  replicas: ReplicaIndex,
  loads: readonly ExpertLoad[],
): number {
  const { offsets } = replicas;
  const serving = gpusInService(placement).length;
  let mean = 0;
  let max = 0;
  for (const load of loads) {
    const total = load.tokens.reduce((sum, n, i) => (offsets[i] < offsets[i + 1] ? sum + n : sum), 0);
    if (total === 0) continue;
    mean += 1 / serving;
    max += solveShares(placement, replicas, load).optimum.reduce((a, b) => a + b, 0) / total;
  }
  return max === 0 ? 1 : mean / max;
}
