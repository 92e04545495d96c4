import { type SnapshotStore, StaleEpoch } from "../../control/snapshot-store.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { frozenSnapshot } from "./frozen-snapshot.ts";

type Follower = (snapshot: RoutingSnapshot) => void;

/** Epochs within one process. */
export class MemoryStore implements SnapshotStore {
  readonly #latest = new Map<string, RoutingSnapshot>();
  readonly #followers = new Map<string, Set<Follower>>();

  async publish(snapshot: RoutingSnapshot): Promise<void> {
    const { pool, epoch } = snapshot;
    const next = (this.#latest.get(pool)?.epoch ?? 0) + 1;
    if (epoch !== next) throw new StaleEpoch(`Pool ${pool} expects epoch ${next}, not ${epoch}.`);
    const published = frozenSnapshot(snapshot);
    this.#latest.set(pool, published);
    for (const follower of this.#followers.get(pool) ?? []) follower(published);
  }

  latest(pool: string): RoutingSnapshot | null {
    return this.#latest.get(pool) ?? null;
  }

  follow(pool: string, follower: Follower): () => void {
    const followers = this.#followers.get(pool) ?? new Set();
    this.#followers.set(pool, followers.add(follower));
    return () => followers.delete(follower);
  }
}
