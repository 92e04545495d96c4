import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { layerBounds } from "./bounds.ts";
import { LayerDescent } from "./layer-descent.ts";

/**
 * Adapts a placement to a new load by few moves, which go to the layers where they take most off the maximum: every layer
 * goes down step by step, the one that promises most for a move first. Shares are exact throughout.
 * @param most slots that may change, over all layers
 */
export function improvePlacement(
  previous: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  most: number,
): Placement {
  const width = slotCount(previous.topology);
  const physicalToLogical = int32Copy(previous.physicalToLogical);
  const bounds = layerBounds(load, capacity);
  const layers = bounds.map(({ value }, layer) => {
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    return new LayerDescent(
      { ...previous, layers: 1, physicalToLogical: row },
      layerLoad(load, layer),
      capacity,
      value,
    );
  });
  let left = most;
  while (left > 0) {
    const layer = layers.reduce((a, b) => (b.promise > a.promise ? b : a));
    if (layer.promise === 0) break;
    if (layer.step === null) layer.lookAhead(left);
    else left -= layer.take(left);
  }
  for (const [i, { row }] of layers.entries()) physicalToLogical.set(row, i * width);
  return { ...previous, physicalToLogical };
}
