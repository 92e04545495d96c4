import type { ExpertLoad } from "../../model/load.ts";
import type { MoveWay } from "../../model/move-way.ts";
import type { Placement } from "../../model/placement.ts";
import { evenWhereIdle, idleLayers } from "../load/idle-layers.ts";
import { withLayersOf } from "../migration/chunk-layers.ts";
import { keepGpus } from "../migration/keep-gpus.ts";
import { changedSlots, keepSlots } from "../migration/moves.ts";
import { groupsTogether } from "../placement/coactivation.ts";
import { withoutRepeats } from "../placement/without-repeats.ts";
import { type Adapted, type Pool, adaptToPool } from "./adapt-to-pool.ts";
import type { Consumer, ToImprove } from "./consumers/consumer.ts";
import { even } from "./consumers/even.ts";
import { engineOwn, shortOf } from "./engine-own.ts";

/** Below the engine's own algorithm by so much balancedness, few moves are still the better bargain. */
const FEW_MOVES_MAY_LOSE = 0.005;
/** Less level than this, such as from the engines' start, few moves are not tried: they leave load few ways to flow. */
const FAR = 0.6;
/** Of few moves, those that follow what an even split needs. */
const POLISH_PART = 0.25;

export interface Followed extends Adapted {
  readonly way: MoveWay;
}

/**
 * What follows a placement in force: adapted by few moves as long as that leaves it as level, for the consumer, as what
 * the engine would have without us (EPLB, placed anew); by more where that is not enough, or what is in force is far from
 * level; else afresh, with what is the same left where it is.
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

/** @param few slots that may change, as long as that is enough */
function levelEnough(question: ToImprove, few: number, consumer: Consumer) {
  if (consumer.dispatch === "even") return even.level(question);
  const { placement: now, load, topology, capacity, groups } = question;
  const own = engineOwn(question, consumer);
  const short = (placement: Placement) => (own === null ? 0 : shortOf(own, consumer, placement, question));
  if (own === null || own.balancedness - short(now) >= FAR) {
    const improved = consumer.improve(question, few);
    if (short(improved) <= FEW_MOVES_MAY_LOSE) return { placement: improved, way: "few moves" as const };
  }
  // Where an even split is as level as the engine's own, so are shares; a few moves more make use of them.
  const level = withoutRepeats(even.level(question).placement, load, capacity, now);
  const more = consumer.improve({ ...question, placement: level }, Math.floor(few * POLISH_PART));
  if (short(more) <= FEW_MOVES_MAY_LOSE) {
    const way =
      changedSlots(now, keepSlots(now, more)) <= few ? ("few moves" as const) : ("more moves" as const);
    return { placement: keepSlots(now, more), way };
  }
  const coactivation = groupsTogether(groups, topology);
  const anew = consumer.place({ load: evenWhereIdle(load), topology, capacity, groups, coactivation });
  const kept = keepSlots(now, keepGpus(now, anew, capacity));
  return { placement: withLayersOf(kept, now, idleLayers(load)), way: "afresh" as const };
}
