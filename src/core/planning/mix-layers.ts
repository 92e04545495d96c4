import type { Placement } from "../../model/placement.ts";
import { withLayersOf } from "../migration/chunk-layers.ts";
import { layerMoves } from "../migration/moves.ts";
import { LEAST_SAVED } from "./least-saved.ts";

/** A placement, and what its layers are predicted to cost. */
export interface LayerOption {
  readonly placement: Placement;
  /** `[layers]` */
  readonly costs: Float64Array;
}

/**
 * Of every layer what costs least, its moves counted: layers are barriers, so that what one gains does not depend on the
 * others. The first options are preferred where others save next to nothing.
 * @param options  one at least
 * @param slotCost what a moved slot costs
 */
export function mixLayers(
  inForce: Placement,
  [first, ...others]: readonly LayerOption[],
  slotCost: number,
): Placement {
  const priced = ({ placement, costs }: LayerOption) => {
    const moves = layerMoves(inForce, placement);
    return costs.map((cost, layer) => cost + slotCost * moves[layer]);
  };
  const least = priced(first);
  let mixed = first.placement;
  for (const option of others) {
    const total = priced(option);
    const better = [...total.keys()].filter((layer) => total[layer] < (1 - LEAST_SAVED) * least[layer]);
    for (const layer of better) least[layer] = total[layer];
    mixed = withLayersOf(mixed, option.placement, better);
  }
  return mixed;
}
