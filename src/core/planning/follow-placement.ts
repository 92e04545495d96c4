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
import type { Consumer, ToImprove } from "./consumers/consumer.ts";
import { asLevelAs, engineOwn } from "./engine-own.ts";

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
  const improve = (question: ToImprove, moves: number) => consumer.improve(question, moves);
  if (most !== null) return { ...adaptToPool(previous, load, pool, most, improve), way: "few moves" };
  const { level } = consumer;
  if (level === undefined) return byTrying(previous, load, pool, consumer);
  let way: MoveWay = "few moves";
  const levelled = adaptToPool(previous, load, pool, null, (question) => {
    const reached = level(question);
    way = reached.way;
    return reached.placement;
  });
  return { ...levelled, way };
}

/** More and more moves, until it is as level as the engine's own. */
function byTrying(previous: Placement, load: ExpertLoad, pool: Pool, consumer: Consumer): Followed {
  const { topology, capacity, groups } = pool;
  const adapt = (moves: number | null) =>
    adaptToPool(previous, load, pool, moves, (question, left) => consumer.improve(question, left));
  const own = engineOwn({ ...pool, load }, consumer);
  const few = adapt(null);
  const isEnough = ({ placement }: Adapted) =>
    own === null || asLevelAs(own, consumer, placement, load, capacity.speeds);
  if (own === null || isEnough(few)) return { ...few, way: "few moves" };
  const slots = load.layers * slotCount(topology);
  for (const part of MORE_PARTS) {
    const more = adapt(Math.floor(slots * part));
    if (isEnough(more)) return { ...more, way: "more moves" };
  }
  const coactivation = groupsTogether(groups, topology);
  const anew = consumer.place({ load: evenWhereIdle(load), topology, capacity, groups, coactivation });
  const best = bestLayers(consumer, [anew, own.placement], load, capacity.speeds);
  const now = few.placement;
  const placement = withLayersOf(keepSlots(now, keepGpus(now, best, capacity)), now, idleLayers(load));
  return { ...few, placement, way: "afresh" };
}
