import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { Topology } from "../../model/topology.ts";
import { evenWhereIdle } from "../load/idle-layers.ts";
import { fitPlacement } from "../migration/fit-placement.ts";
import { changedSlots, countMovedSlots } from "../migration/moves.ts";
import { MOVED_PART } from "../placement/adapt-placement.ts";
import { emptySlots, fillEmptySlots } from "../placement/fill-slots.ts";
import { groupHomes } from "../placement/group-homes.ts";
import { bringBack } from "../placement/rehome-experts.ts";
import type { ToImprove } from "./consumers/consumer.ts";

export interface Pool {
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  /** Expert groups of the gate that are kept on nodes; 1 for none. */
  readonly groups: number;
}

export interface Adapted {
  readonly placement: Placement;
  /** Slots that had to change for every expert to be there. */
  readonly necessary: number;
}

/**
 * Adapts a placement, perhaps of a pool of another size, to the pool and the load that there are: what must move does,
 * then empty slots are filled, then the load is balanced, by few moves. A layer without a token keeps what it has.
 * @param most  slots that may change, over all layers; null for MOVED_PART of them, beside what must change or is empty
 * @param balance levels a placement by so many moves
 */
export function adaptToPool(
  previous: Placement,
  load: ExpertLoad,
  { topology, capacity, groups }: Pool,
  most: number | null,
  balance: (question: ToImprove, moves: number) => Placement,
): Adapted {
  const inForce = fitPlacement(previous, load, topology, capacity);
  const homes = groups === 1 || topology.nodes === 1 ? null : groupHomes(inForce, groups, capacity);
  const whole = bringBack(inForce, load, capacity, homes);
  const empty = emptySlots(whole, capacity);
  const had = changedSlots(inForce, whole);
  const mayMove = most ?? Math.floor(whole.physicalToLogical.length * MOVED_PART) + had + total(empty);
  const left = (now: Placement) => Math.max(0, mayMove - changedSlots(inForce, now));
  // Where moves are too few to fill all, they go where they are of use.
  const fills = left(whole) >= total(empty) ? empty : new Int32Array(load.layers);
  const filled = fillEmptySlots(whole, evenWhereIdle(load), capacity, fills, homes);
  return {
    placement: balance({ placement: filled, load, topology, capacity, groups }, left(filled)),
    necessary: countMovedSlots(previous, whole).slots,
  };
}

function total(counts: Int32Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
