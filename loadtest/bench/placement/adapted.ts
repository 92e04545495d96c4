import { improvePlacement, moveBudgets } from "../../../src/core/placement/improve-placement.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import type { Placement } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import { slotCount } from "../../../src/model/topology.ts";

/** Of the slots, what a re-plan may change: what `place --previous` does by itself. */
const MOVED_PART = 0.15;

/** The placement adapted to a load by few moves. */
export function adapted(placement: Placement, load: ExpertLoad): Placement {
  const capacity = fullCapacity(placement.topology);
  const most = Math.floor(load.layers * slotCount(placement.topology) * MOVED_PART);
  return improvePlacement(placement, load, capacity, moveBudgets(placement, load, capacity, most));
}
