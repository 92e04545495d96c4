import type { Placement } from "../../../model/placement.ts";
import { slotCount } from "../../../model/topology.ts";

/** `[slots]`: one layer, copied. */
export function layerRow({ topology, physicalToLogical }: Placement, layer: number): Int32Array {
  const width = slotCount(topology);
  return Int32Array.from({ length: width }, (_, slot) => physicalToLogical[layer * width + slot]);
}

/** A placement of these layers only. */
export function placementRows(placement: Placement, layers: readonly number[]): Placement {
  const width = slotCount(placement.topology);
  const physicalToLogical = new Int32Array(layers.length * width);
  for (const [to, layer] of layers.entries()) physicalToLogical.set(layerRow(placement, layer), to * width);
  return { ...placement, layers: layers.length, physicalToLogical };
}
