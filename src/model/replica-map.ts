import type { Placement, ReplicaIndex } from "./placement.ts";
import type { Shares } from "./shares.ts";

/** Where every expert's replicas are, and how its tokens are split over them. */
export interface ReplicaMap {
  readonly placement: Placement;
  readonly replicas: ReplicaIndex;
  readonly shares: Shares;
}
