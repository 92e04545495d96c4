import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { slotCount } from "../../model/topology.ts";
import { changedSlots } from "../migration/moves.ts";
import { improvePlacement } from "./improve-placement.ts";
import { loosenPlacement } from "./loosen-placement.ts";
import { rehomeExperts } from "./rehome-experts.ts";

/** A placement in force is adapted by changing this part of the slots at most, unless told otherwise. */
export const MOVED_PART = 0.15;

/**
 * The placement in force, with everything in service, every expert there as far as there are slots, and the load balanced
 * by few moves. What must move does, whatever the limit; what is left of it is for balance.
 * @param improve balances by so many moves; for weighted shares where it is left out
 */
export function adaptPlacement(
  inForce: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  improve = (whole: Placement, moves: number) => {
    const improved = improvePlacement(whole, load, capacity, moves);
    return loosenPlacement(whole, improved, load, capacity, moves - changedSlots(whole, improved));
  },
): Placement {
  const whole = rehomeExperts(inForce, load, capacity);
  if (capacity.slots.reduce((sum, slots) => sum + slots, 0) < load.experts) return whole;
  const most = Math.floor(load.layers * slotCount(inForce.topology) * MOVED_PART);
  return improve(whole, Math.max(0, most - changedSlots(inForce, whole)));
}
