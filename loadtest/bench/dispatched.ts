import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { type DispatchFigures, DispatchTotals } from "../../src/core/dispatch/dispatch-totals.ts";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import type { DispatchPolicy } from "../../src/model/dispatch-policy.ts";
import { indexReplicas, type Placement } from "../../src/model/placement.ts";
import type { Shares } from "../../src/model/shares.ts";
import { gpuCount } from "../../src/model/topology.ts";
import type { RoutedTokens } from "./routed-tokens.ts";

/** @param shares by default every replica of an expert gets the same */
export function replicaMap(placement: Placement, shares?: Shares): ReplicaMap {
  const replicas = indexReplicas(placement);
  return { placement, replicas, shares: shares ?? evenShares(placement, replicas) };
}

/**
 * Dispatches batches of tokens.
 * @param batches token numbers of each
 * @param sources the GPU that each of them starts from
 */
export function dispatch(
  map: ReplicaMap,
  policy: DispatchPolicy,
  { trace }: RoutedTokens,
  batches: readonly Int32Array[],
  seed: number,
  sources: readonly Int32Array[] = givenSources(map, batches),
): DispatchFigures {
  const { layers, topk, experts } = trace;
  const dispatcher = new Dispatcher(map.placement, replicaChooser(policy, map, seed));
  const totals = new DispatchTotals(map.placement);
  for (const [i, rows] of batches.entries()) {
    const batch = { tokens: rows.length, sources: sources[i], rows, experts, rowStride: layers * topk, topk };
    for (let layer = 0; layer < layers; layer++) {
      dispatcher.choose(layer, layer * topk, batch);
      totals.add(dispatcher.tally(), rows.length);
    }
  }
  return totals.figures();
}

/** Experts that the mean GPU has to read; mean over batches and layers. */
export function meanActivated({ activationBalancedness, activatedOnWorstGpu }: DispatchFigures): number {
  return activationBalancedness * activatedOnWorstGpu;
}

/** The source of every token of every batch: the GPUs in order, in equal blocks of each batch. */
export function givenSources({ placement }: ReplicaMap, batches: readonly Int32Array[]): Int32Array[] {
  const gpus = gpuCount(placement.topology);
  return batches.map((rows) => rows.map((_, i) => Math.floor((i * gpus) / rows.length)));
}
