import type { ExpertLoad } from "../../model/load.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import { gpuCount } from "../../model/topology.ts";
import { solveShares } from "./solve-shares.ts";

/** Σ mean / Σ maximum GPU load over layers and loads, each shared as is best for it: what the placement allows. */
export function balancednessOver(
  placement: Placement,
  replicas: ReplicaIndex,
  loads: readonly ExpertLoad[],
): number {
  let mean = 0;
  let max = 0;
  for (const load of loads) {
    const total = load.tokens.reduce((a, b) => a + b, 0);
    if (total === 0) continue;
    mean += 1 / gpuCount(placement.topology);
    max += solveShares(placement, replicas, load).optimum.reduce((a, b) => a + b, 0) / total;
  }
  return max === 0 ? 1 : mean / max;
}
