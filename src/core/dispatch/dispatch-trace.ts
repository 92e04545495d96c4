import type { ReplicaMap } from "../../model/replica-map.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import type { TraceRows } from "../../model/routing-trace.ts";
import { replicaChooser } from "./choosers.ts";
import type { DispatchLayout } from "./dispatch-layout.ts";
import { type DispatchFigures, DispatchTotals } from "./dispatch-totals.ts";
import { Dispatcher } from "./dispatcher.ts";

/** Which replicas the tokens of a trace are sent to, and what that comes to. */
export interface DispatchedTrace {
  /** `[tokens][depth][topk]` physical slots; −1 where there is no selection, or no placement for the layer. */
  readonly slots: Int32Array;
  readonly perLayer: readonly DispatchFigures[];
  readonly overall: DispatchFigures;
  /** `[layers]`: the time it took to check the ids and choose the replicas; counting is not in it. */
  readonly chooseMs: Float64Array;
}

/** A trace, and how its tokens find their replicas. */
export interface TraceDispatch {
  /** With a row for each layer of the placement. */
  readonly routing: TraceRows;
  /** `[tokens]`: the GPU each token starts from. */
  readonly sources: Int32Array;
  readonly batchTokens: number;
  readonly map: ReplicaMap;
  readonly policy: DispatchPolicy;
  /** Steers `static` and `random`. */
  readonly seed: number;
  readonly nowMs: () => number;
  /**
   * Receives every layer of every batch, where layouts are wanted.
   * @param first  the batch's first token
   * @param layout until the next call
   */
  readonly onLayout: ((layer: number, first: number, layout: DispatchLayout) => void) | null;
}

/** Dispatches a trace batch by batch and layer by layer. Yields the part done, 0..1. */
export function* dispatchTrace(dispatch: TraceDispatch): Generator<number, DispatchedTrace> {
  const { routing, sources, batchTokens, map, policy, seed, nowMs, onLayout } = dispatch;
  const { trace, rows, depth } = routing;
  const { tokens, layers, topk, experts } = trace;
  const rowStride = layers * topk;
  const dispatcher = new Dispatcher(map.placement, replicaChooser(policy, map, seed));
  const overall = new DispatchTotals(map.placement);
  const perLayer = Array.from({ length: layers }, () => new DispatchTotals(map.placement));
  const chooseMs = new Float64Array(layers);
  const slots = new Int32Array(tokens * depth * topk).fill(-1);
  for (let first = 0; first < tokens; first += batchTokens) {
    const size = Math.min(batchTokens, tokens - first);
    const batch = {
      tokens: size,
      sources: sources.subarray(first, first + size),
      rows: Int32Array.from({ length: size }, (_, i) => first + i),
      experts,
      rowStride,
      topk,
    };
    for (let layer = 0; layer < layers; layer++) {
      const start = nowMs();
      const chosen = dispatcher.choose(layer, layer * topk, batch);
      chooseMs[layer] += nowMs() - start;
      for (let i = 0; i < size; i++) {
        const to = ((first + i) * depth + rows[layer]) * topk;
        for (let k = 0; k < topk; k++) slots[to + k] = chosen[i * topk + k];
      }
      const tally = dispatcher.tally();
      perLayer[layer].add(tally, size);
      overall.add(tally, size);
      onLayout?.(layer, first, dispatcher.layout());
      yield (first + (size * (layer + 1)) / layers) / tokens;
    }
  }
  return {
    slots,
    perLayer: perLayer.map((totals) => totals.figures()),
    overall: overall.figures(),
    chooseMs,
  };
}

/** Where tokens start where nobody says: each batch in equal contiguous blocks, one per GPU. @param gpus in service */
export function blockSources(tokens: number, batchTokens: number, gpus: Int32Array): Int32Array {
  return Int32Array.from({ length: tokens }, (_, token) => {
    const first = token - (token % batchTokens);
    return gpus[Math.floor(((token - first) * gpus.length) / Math.min(batchTokens, tokens - first))];
  });
}
