import { replicaChooser } from "../../../src/core/dispatch/choosers.ts";
import type { ReplicaMap } from "../../../src/core/dispatch/replica-chooser.ts";
import { TallyCounter } from "../../../src/core/dispatch/tally-counter.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import type { DispatchPolicy } from "../../../src/model/dispatch-policy.ts";
import type { LayerTally } from "../../../src/model/layer-tally.ts";
import { indexReplicas, type Placement } from "../../../src/model/placement.ts";
import type { Shares } from "../../../src/model/shares.ts";
import { gpuCount } from "../../../src/model/topology.ts";
import type { RoutedTokens } from "./routed-tokens.ts";

/** How tokens find their replicas. */
export interface Dispatcher {
  readonly map: ReplicaMap;
  readonly policy: DispatchPolicy;
}

/** @param shares by default every replica of an expert gets the same */
export function dispatcher(placement: Placement, policy: DispatchPolicy, shares?: Shares): Dispatcher {
  const replicas = indexReplicas(placement);
  return { map: { placement, replicas, shares: shares ?? evenShares(placement, replicas) }, policy };
}

/**
 * Dispatches batches of tokens, which start on the GPUs in equal blocks of each batch.
 * @param batches token numbers of each
 * @param visit   called for every batch and layer; the tally is overwritten by the next
 */
export function dispatch(
  { map, policy }: Dispatcher,
  { trace }: RoutedTokens,
  batches: readonly Int32Array[],
  seed: number,
  visit: (tally: LayerTally, tokens: number) => void,
): void {
  const { layers, topk, experts } = trace;
  const gpus = gpuCount(map.placement.topology);
  const chooser = replicaChooser(policy, map, seed);
  const counter = new TallyCounter(map.placement.topology);
  for (const rows of batches) {
    const sources = rows.map((_, i) => Math.floor((i * gpus) / rows.length));
    const batch = { tokens: rows.length, sources, rows, experts, rowStride: layers * topk, topk };
    const slots = new Int32Array(rows.length * topk);
    for (let layer = 0; layer < layers; layer++) {
      chooser.choose(layer, layer * topk, batch, slots);
      visit(counter.count(batch, slots), rows.length);
    }
  }
}
