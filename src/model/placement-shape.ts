import { type Shape, demand, record, whole } from "../lib/shape.ts";
import type { Placement } from "./placement.ts";
import { type Topology, slotCount } from "./topology.ts";

/** More than any machine, and few enough that products of them are exact. */
const MOST = 65_536;
/** Experts may be missing where ranks are; what is written for so many more than there are slots is garbage. */
const MOST_EXPERTS_PER_SLOT = 64;

export const topologyShape: Shape<Topology> = record({
  nodes: whole(1, MOST),
  gpusPerNode: whole(1, MOST),
  slotsPerGpu: whole(1, MOST),
});

/** A placement but for its map. */
export const placementShape: Shape<Omit<Placement, "physicalToLogical">> = record({
  layers: whole(1, MOST),
  experts: whole(1, MOST),
  topology: topologyShape,
});

/** Joins a map that was read to its placement. @throws Unreadable when it cannot be of that one */
export function withMap(
  shape: Omit<Placement, "physicalToLogical">,
  physicalToLogical: Int32Array,
): Placement {
  const { layers, experts, topology } = shape;
  const slots = slotCount(topology);
  demand(physicalToLogical.length === layers * slots, "the map has not a number for every slot");
  demand(experts <= MOST_EXPERTS_PER_SLOT * slots, "there are far more experts than slots");
  demand(
    physicalToLogical.every((expert) => expert >= -1 && expert < experts),
    "a slot holds an expert that there is not",
  );
  return { ...shape, physicalToLogical };
}
