import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { type DispatchFigures, DispatchTotals } from "../../src/core/dispatch/dispatch-totals.ts";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.ts";
import type { ReplicaMap } from "../../src/core/dispatch/replica-chooser.ts";
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
 * Dispatches batches of tokens, which start on the GPUs in equal blocks of each batch.
 * @param batches token numbers of each
 */
export function dispatch(
  map: ReplicaMap,
  policy: DispatchPolicy,
  { trace }: RoutedTokens,
  batches: readonly Int32Array[],
  seed: number,
): DispatchFigures {
  const { layers, topk, experts } = trace;
  const dispatcher = new Dispatcher(map.placement, replicaChooser(policy, map, seed));
  const totals = new DispatchTotals(map.placement);
  for (const rows of batches) {
    const sources = blockSources(rows.length, gpuCount(map.placement.topology));
    const batch = { tokens: rows.length, sources, rows, experts, rowStride: layers * topk, topk };
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

/** `[tokens]`: the GPUs in order, each of equally many tokens as far as possible. */
export function blockSources(tokens: number, gpus: number): Int32Array {
  return Int32Array.from({ length: tokens }, (_, i) => Math.floor((i * gpus) / tokens));
}
