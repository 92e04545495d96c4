import type { ExpertLoad } from "../../model/load.ts";
import type { MoveWay } from "../../model/move-way.ts";
import type { Placement } from "../../model/placement.ts";
import { evenWhereIdle, idleLayers } from "../load/idle-layers.ts";
import { withLayersOf } from "../migration/chunk-layers.ts";
import { keepGpus } from "../migration/keep-gpus.ts";
import { keepSlots } from "../migration/moves.ts";
import { groupsTogether } from "../placement/coactivation.ts";
import { withoutRepeats } from "../placement/without-repeats.ts";
import { type Adapted, type Pool, adaptToPool } from "./adapt-to-pool.ts";
import type { Consumer, ToImprove } from "./consumers/consumer.ts";
import { even } from "./consumers/even.ts";
import { asLevelAs, engineOwn } from "./engine-own.ts";

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
  let way: MoveWay = "few moves";
  const adapted = adaptToPool(previous, load, pool, most, (question, moves) => {
    if (most !== null) return consumer.improve(question, moves);
    const levelled = levelEnough(question, moves, consumer);
    way = levelled.way;
    return levelled.placement;
  });
  return { ...adapted, way };
}

/** @param few slots that may change at first */
function levelEnough(question: ToImprove, few: number, consumer: Consumer) {
  const { load, topology, capacity, groups } = question;
  if (consumer.dispatch === "even") return even.level(question);
  const improved = consumer.improve(question, few);
  const own = engineOwn(question, consumer);
  const isEnough = (placement: Placement) =>
    own === null || asLevelAs(own, consumer, placement, load, capacity.speeds);
  if (isEnough(improved)) return { placement: improved, way: "few moves" as const };
  // Where an even split is as level as the engine's own, so are shares.
  const more = withoutRepeats(even.level(question).placement, load, capacity, question.placement);
  if (isEnough(more)) return { placement: more, way: "more moves" as const };
  const coactivation = groupsTogether(groups, topology);
  const anew = consumer.place({ load: evenWhereIdle(load), topology, capacity, groups, coactivation });
  const now = question.placement;
  const kept = keepSlots(now, keepGpus(now, anew, capacity));
  return { placement: withLayersOf(kept, now, idleLayers(load)), way: "afresh" as const };
}
