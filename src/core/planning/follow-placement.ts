import type { ExpertLoad } from "../../model/load.ts";
import type { MoveWay } from "../../model/move-way.ts";
import type { Placement } from "../../model/placement.ts";
import { slotCount } from "../../model/topology.ts";
import { evenWhereIdle, idleLayers } from "../load/idle-layers.ts";
import { withLayersOf } from "../migration/chunk-layers.ts";
import { keepGpus } from "../migration/keep-gpus.ts";
import { keepSlots } from "../migration/moves.ts";
import { groupsTogether } from "../placement/coactivation.ts";
import { type Adapted, type Pool, adaptToPool } from "./adapt-to-pool.ts";
import { bestLayers } from "./consumers/best-layers.ts";
import type { Consumer } from "./consumers/consumer.ts";
import { type EngineOwn, asLevelAs, engineOwn } from "./engine-own.ts";

/** Where few moves leave a placement less level than the engine's own, these parts of the slots may change. */
const MORE_PARTS = [0.3, 0.6];

export interface Followed extends Adapted {
  readonly way: MoveWay;
}

/**
 * What follows a placement in force: adapted by few moves as long as that leaves it as level, for the consumer, as what
 * the engine would have without us (EPLB, placed anew); else by more; else afresh, with what is the same left where it is.
 * @param most slots that may change, over all layers, whatever comes of it; null for as many as that takes
 */
export function followPlacement(
  previous: Placement,
  load: ExpertLoad,
  pool: Pool,
  most: number | null,
  consumer: Consumer,
): Followed {
  const { topology, capacity, groups } = pool;
  const place = (some: ExpertLoad) => {
    const coactivation = groupsTogether(groups, topology);
    return consumer.place({ load: some, topology, capacity, groups, coactivation });
  };
  const adapt = (moves: number | null) => adaptToPool(previous, load, pool, moves, consumer, place);
  const own = most === null ? engineOwn({ ...pool, load }, consumer) : null;
  if (own === null) return { ...adapt(most), way: "few moves" };
  const isEnough = ({ placement }: Adapted) => asLevelAs(own, consumer, placement, load, capacity.speeds);
  const few = adapt(null);
  if (isEnough(few)) return { ...few, way: "few moves" };
  const slots = load.layers * slotCount(topology);
  for (const part of MORE_PARTS) {
    const more = adapt(Math.floor(slots * part));
    if (isEnough(more)) return { ...more, way: "more moves" };
  }
  return { ...few, placement: afresh(few.placement, place, own), way: "afresh" };

  function afresh(now: Placement, anew: typeof place, { placement }: EngineOwn): Placement {
    const best = bestLayers(consumer, [anew(evenWhereIdle(load)), placement], load, capacity.speeds);
    return withLayersOf(keepSlots(now, keepGpus(now, best, capacity)), now, idleLayers(load));
  }
}
