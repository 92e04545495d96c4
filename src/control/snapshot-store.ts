import type { RoutingSnapshot } from "../model/snapshot.ts";

/** Where epochs are published and followed. One contract suite for every implementation. */
export interface SnapshotStore {
  /** Appends an epoch; rejects with StaleEpoch unless it is exactly one above the pool's latest (1 for the first). */
  publish(snapshot: RoutingSnapshot): Promise<void>;
  latest(pool: string): RoutingSnapshot | null;
  /** Calls `follower` with every later epoch, in order; returns the way to stop. */
  follow(pool: string, follower: (snapshot: RoutingSnapshot) => void): () => void;
}

/** Somebody else has published in the meantime. */
export class StaleEpoch extends Error {
  override readonly name = "StaleEpoch";
}
