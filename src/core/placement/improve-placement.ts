import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { solveShares } from "../shares/solve-shares.ts";
import { layerBounds } from "./bounds.ts";
import { LayerImprover } from "./improve-layer.ts";

/**
 * Adapts a placement to a new load by few moves, layer by layer. The exact shares name the GPUs that bind (the dual
 * prices): load leaves them either through a further copy of an expert they confine, in place of a copy
 * elsewhere that can be spared, or by swapping an expert against a lighter one. The best of a few such changes, by
 * exact shares, is taken while it is worth its moves.
 *
 * @param mostMoves `[layers]`: slots that may change in each
 */
export function improvePlacement(
  previous: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  mostMoves: Int32Array,
): Placement {
  const width = slotCount(previous.topology);
  const physicalToLogical = Int32Array.from(
    { length: load.layers * width },
    (_, i) => previous.physicalToLogical[i],
  );
  const bounds = layerBounds(load, capacity);
  for (let layer = 0; layer < load.layers; layer++) {
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    const improver = new LayerImprover(previous, layerLoad(load, layer), capacity, row);
    improver.run(bounds[layer].value, mostMoves[layer]);
  }
  return { ...previous, physicalToLogical };
}

/**
 * Shares a budget of moves out over the layers, in proportion to how far each layer's maximum is above its bound;
 * what rounding down leaves goes to the largest remainders.
 * @returns `[layers]`, summing to at most `total`
 */
export function moveBudgets(
  placement: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  total: number,
): Int32Array {
  const { optimum } = solveShares(placement, indexReplicas(placement), load, capacity.speeds);
  const gaps = layerBounds(load, capacity).map(({ value }, layer) => Math.max(0, optimum[layer] - value));
  const sum = gaps.reduce((a, b) => a + b, 0);
  if (sum === 0) return new Int32Array(gaps.length);
  const parts = gaps.map((gap) => (total * gap) / sum);
  const budgets = Int32Array.from(parts, Math.floor);
  let left = total - budgets.reduce((a, b) => a + b, 0);
  const byRemainder = [...parts.keys()].toSorted((a, b) => parts[b] - budgets[b] - (parts[a] - budgets[a]));
  for (const layer of byRemainder) {
    if (left-- <= 0) break;
    if (gaps[layer] > 0) budgets[layer]++;
  }
  return budgets;
}
