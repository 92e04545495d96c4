import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { layerOptima } from "../shares/layer-optima.ts";
import { layerBounds } from "./bounds.ts";
import { LayerLoosener } from "./loosen-layer.ts";

/** A layer may rise this far above its bound for it, if it was there before it was adapted. */
const CLOSE_ENOUGH = 0.002;

/**
 * An adapted placement with replicas where load is captive, in place of some that the load can do without: the next load
 * finds ways to flow. No layer becomes less level than in force, or than adapted where that is above its bound.
 * @param most slots that may change beside those that adapting changed
 */
export function loosenPlacement(
  inForce: Placement,
  adapted: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  most: number,
): Placement {
  if (most <= 0) return adapted;
  const width = slotCount(adapted.topology);
  const physicalToLogical = int32Copy(adapted.physicalToLogical);
  const before = layerOptima(inForce, load, capacity);
  const now = layerOptima(adapted, load, capacity);
  const layers = layerBounds(load, capacity).map(({ value }, layer) => {
    const tokens = layerLoad(load, layer);
    const row = physicalToLogical.slice(layer * width, (layer + 1) * width);
    const kept = Int32Array.from(row, (_, slot) => inForce.physicalToLogical[layer * width + slot]);
    const level = Math.max(now[layer], Math.min(before[layer], value * (1 + CLOSE_ENOUGH)));
    return new LayerLoosener(kept, row, tokens, capacity, level, (loosened) => {
      const alone = { ...adapted, layers: 1, physicalToLogical: loosened };
      return layerOptima(alone, { ...load, layers: 1, tokens }, capacity)[0] <= level;
    });
  });
  for (let left = most; left > 0; ) {
    const layer = layers.reduce((a, b) => (b.value > a.value ? b : a));
    if (layer.value === 0) break;
    left -= layer.take(left);
  }
  for (const [i, { row }] of layers.entries()) physicalToLogical.set(row, i * width);
  return { ...adapted, physicalToLogical };
}
