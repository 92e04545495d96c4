import { replicaChooser } from "../core/dispatch/choosers.ts";
import { type DispatchFigures, DispatchTotals } from "../core/dispatch/dispatch-totals.ts";
import { Dispatcher } from "../core/dispatch/dispatcher.ts";
import type { ReplicaMap } from "../model/replica-map.ts";
import type { DispatchPolicy } from "../model/dispatch-policy.ts";
import type { TraceRows } from "../formats/routing-trace.ts";
import type { LayoutFiles } from "./layout-files.ts";

/** What `dispatch --json` says of one layer, and of all together. */
export interface TimedFigures extends DispatchFigures {
  /** Over the time it took to check the ids and choose the replicas; counting and files are not in it. */
  readonly selectionsPerSecond: number;
}

interface DispatchedTrace {
  /** `[tokens][depth][topk]` physical slots; −1 where there is no selection, or no placement for the layer. */
  readonly slots: Int32Array;
  readonly perLayer: readonly TimedFigures[];
  readonly overall: TimedFigures;
}

export interface TraceDispatch {
  readonly routing: TraceRows;
  /** `[tokens]`: the GPU each token starts from. */
  readonly sources: Int32Array;
  readonly batchTokens: number;
  readonly map: ReplicaMap;
  readonly policy: DispatchPolicy;
  readonly seed: number;
  /** Takes the layouts; null where nobody asked for them. */
  readonly layouts: LayoutFiles | null;
}

/** Dispatches a trace batch by batch and layer by layer. Yields the part done, 0..1. */
export function* dispatchTrace(dispatch: TraceDispatch): Generator<number, DispatchedTrace> {
  const { routing, sources, batchTokens, map, policy, seed, layouts } = dispatch;
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
      const start = performance.now();
      const chosen = dispatcher.choose(layer, layer * topk, batch);
      chooseMs[layer] += performance.now() - start;
      for (let i = 0; i < size; i++) {
        const to = ((first + i) * depth + rows[layer]) * topk;
        for (let k = 0; k < topk; k++) slots[to + k] = chosen[i * topk + k];
      }
      const tally = dispatcher.tally();
      perLayer[layer].add(tally, size);
      overall.add(tally, size);
      layouts?.add(layer, first, dispatcher.layout());
      yield (first + (size * (layer + 1)) / layers) / tokens;
    }
  }
  const timed = (totals: DispatchTotals, ms: number) => {
    const figures = totals.figures();
    return { ...figures, selectionsPerSecond: figures.selections / (ms / 1000) };
  };
  return {
    slots,
    perLayer: perLayer.map((totals, layer) => timed(totals, chooseMs[layer])),
    overall: timed(
      overall,
      chooseMs.reduce((sum, ms) => sum + ms, 0),
    ),
  };
}
