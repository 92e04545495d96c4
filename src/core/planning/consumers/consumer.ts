import type { ReadonlyNumbers } from "../../../lib/readonly-arrays.ts";
import type { ConsumerDispatch } from "../../../model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../../model/load.ts";
import type { Placement, ReplicaIndex } from "../../../model/placement.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import type { Shares } from "../../../model/shares.ts";
import type { Topology } from "../../../model/topology.ts";
import type { PlacementRequest } from "../../placement/place-experts.ts";

/** A load to split over the replicas of a placement. */
export interface ToSplit {
  readonly placement: Placement;
  readonly replicas: ReplicaIndex;
  readonly load: ExpertLoad;
  /** `[gpus]` */
  readonly speeds: Float64Array;
  /** `[layers][slots]`: shares in force, to go on from; null for none. */
  readonly last: ReadonlyNumbers | null;
}

/** A placement that holds every expert, to be adapted. */
export interface ToImprove {
  readonly placement: Placement;
  readonly load: ExpertLoad;
  readonly topology: Topology;
  readonly capacity: PoolCapacity;
  /** Expert groups of the gate that are kept on nodes; 1 for none. */
  readonly groups: number;
}

/** A placement from scratch. */
export interface ToPlace extends PlacementRequest {
  /** As in ToImprove. */
  readonly groups: number;
}

/** Who gets a placement: how it splits tokens over replicas, and how placements are made for that split. */
export interface Consumer {
  readonly dispatch: ConsumerDispatch;
  /** Whether its split follows the load between two placements. */
  readonly follows: boolean;
  /** `[layers][slots]`: the part of its expert's tokens that each slot gets, with prices where the split has any. */
  split(question: ToSplit): Shares & { readonly values: Float64Array };
  place(request: ToPlace): Placement;
  /** @param most slots that may change, over all layers */
  improve(question: ToImprove, most: number): Placement;
}
