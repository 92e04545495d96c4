import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type ExpertLoad, loadRows } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { keepGpus } from "../migration/keep-gpus.ts";
import { changedSlots, keepSlots } from "../migration/moves.ts";
import { layerBounds } from "../placement/bounds.ts";
import { layerOptima } from "../shares/layer-optima.ts";

/** A layer whose maximum is this near its bound is not placed again: that takes many moves. */
const CLOSE_ENOUGH = 0.01;
/** From scratch a layer changes more of its slots than this. */
const LEAST_MOVED = 0.1;

/** Places every layer of a load from scratch. */
export type FreshPlacement = (load: ExpertLoad) => Placement;

interface Adaptation {
  readonly inForce: Placement;
  readonly adapted: Placement;
  readonly load: ExpertLoad;
  readonly capacity: PoolCapacity;
  /** Slots that may change beside those that adapting changed. */
  readonly moves: number;
}

/**
 * The adapted placement with layers from scratch in their place, where step by step they have not come near their bound,
 * as far as the moves go: first those that gain most for each.
 */
export function redoLayers(
  { inForce, adapted, load, capacity, moves }: Adaptation,
  fresh: FreshPlacement,
): Placement {
  const width = slotCount(adapted.topology);
  if (moves < LEAST_MOVED * width) return adapted;
  const optimum = layerOptima(adapted, load, capacity);
  const layers = layerBounds(load, capacity)
    .map(({ value }, layer) => (optimum[layer] > value * (1 + CLOSE_ENOUGH) ? layer : -1))
    .filter((layer) => layer >= 0);
  if (layers.length === 0) return adapted;
  const some = loadRows(load, layers);
  const now = rowsOf(inForce, layers);
  const redone = keepSlots(now, keepGpus(now, fresh(some), capacity));
  const redoneOptimum = layerOptima(redone, some, capacity);
  const options = layers
    .map((layer, i) => ({
      layer,
      i,
      gain: optimum[layer] - redoneOptimum[i],
      moves:
        changedSlots(rowsOf(now, [i]), rowsOf(redone, [i])) -
        changedSlots(rowsOf(now, [i]), rowsOf(adapted, [layer])),
    }))
    .filter(({ gain }) => gain > 0)
    .toSorted((a, b) => b.gain / Math.max(1, b.moves) - a.gain / Math.max(1, a.moves));
  const physicalToLogical = int32Copy(adapted.physicalToLogical);
  let left = moves;
  for (const option of options) {
    if (option.moves > left) continue;
    left -= option.moves;
    physicalToLogical.set(rowsOf(redone, [option.i]).physicalToLogical, option.layer * width);
  }
  return { ...adapted, physicalToLogical };
}

function rowsOf(placement: Placement, layers: readonly number[]): Placement {
  const width = slotCount(placement.topology);
  const rows = layers.flatMap((layer) =>
    Array.from({ length: width }, (_, slot) => placement.physicalToLogical[layer * width + slot]),
  );
  return { ...placement, layers: layers.length, physicalToLogical: Int32Array.from(rows) };
}
