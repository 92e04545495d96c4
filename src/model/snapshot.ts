import type { Placement, ReplicaIndex } from "./placement.ts";
import type { Shares } from "./shares.ts";

/** Everything the fast path reads, swapped whole. Never changes once published. */
export interface RoutingSnapshot {
  readonly pool: string;
  readonly model: string;
  /** 1, 2, 3, …: one more for every publication to this pool. */
  readonly epoch: number;
  /** Why this epoch exists. */
  readonly change: SnapshotChange;
  readonly placement: Placement;
  readonly replicas: ReplicaIndex;
  readonly shares: Shares;
  /** Experts without any replica: the pool is degraded. Empty when it is sound. */
  readonly missing: readonly MissingExperts[];
}

export interface MissingExperts {
  readonly layer: number;
  readonly experts: readonly number[];
}

export interface SnapshotChange {
  /** `placement`: slots changed hands; `shares`: only the split did. */
  readonly kind: "placement" | "shares";
  /** One sentence for a person. */
  readonly reason: string;
  /** Wall-clock milliseconds since 1970. */
  readonly atMs: number;
  readonly movedSlots: number;
  readonly movedBytes: number;
}
