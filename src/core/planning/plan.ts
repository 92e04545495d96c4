import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { Shares } from "../../model/shares.ts";

/** What a dispatcher needs. */
export interface Plan {
  readonly placement: Placement;
  readonly replicas: ReplicaIndex;
  readonly shares: Shares;
}
