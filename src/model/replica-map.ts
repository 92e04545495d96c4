import type { Placement, ReplicaIndex } from "./placement.ts";
import type { Shares } from "./shares.ts";

/** Where every expert's replicas are, and how its tokens are split over them. */
export interface SplitReplicas {
  readonly placement: Placement;
  readonly replicas: ReplicaIndex;
  readonly shares: Pick<Shares, "values">;
}

/** The same with what a GPU's capacity is worth. */
export interface ReplicaMap extends SplitReplicas {
  readonly shares: Shares;
}
