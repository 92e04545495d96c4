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
  const { maxima, loaded } = layerMaximaOver(placement, replicas, loads);
  const max = maxima.reduce((a, b) => a + b, 0);
  return max === 0 ? 1 : loaded / gpusInService(placement).length / max;
}

/**
 * Of every layer the maximum GPU load, as a part of a load's total over all layers, added up over the loads.
 * @returns loads that have a token beside it
 */
export function layerMaximaOver(
  placement: Placement,
  replicas: ReplicaIndex,
  loads: readonly ExpertLoad[],
): { readonly maxima: Float64Array; readonly loaded: number } {
  const { offsets } = replicas;
  const maxima = new Float64Array(placement.layers);
  let loaded = 0;
  for (const load of loads) {
    const total = load.tokens.reduce((sum, n, i) => (offsets[i] < offsets[i + 1] ? sum + n : sum), 0);
    if (total === 0) continue;
    loaded++;
    for (const [layer, max] of solveShares(placement, replicas, load).optimum.entries())
      maxima[layer] += max / total;
  }
  return { maxima, loaded };
}
