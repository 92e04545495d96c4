import { expect, test } from "vitest";
import { type SnapshotStore, StaleEpoch } from "../../src/control/snapshot-store.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";

/** A small sound snapshot: 2 layers of 3 experts on 2 GPUs of 2 slots. */
export function smallSnapshot(pool: string, epoch: number): RoutingSnapshot {
  const placement = {
    layers: 2,
    experts: 3,
    topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 },
    physicalToLogical: Int32Array.of(0, 1, 2, 0, 2, 1, 0, 1),
  };
  return {
    pool,
    model: "small",
    epoch,
    change: { kind: "placement", reason: "test", atMs: 0, movedSlots: 0, movedBytes: 0 },
    placement,
    replicas: indexReplicas(placement),
    shares: {
      values: Float64Array.of(0.5, 1, 1, 0.5, 1, 0.5, 1, 0.5),
      prices: Float64Array.of(0.5, 0.5, 0.5, 0.5),
    },
    missing: [],
  };
}

/** What every SnapshotStore must do. */
export function snapshotStoreContract(open: () => Promise<SnapshotStore>): void {
  test("starts with nothing", async () => {
    expect((await open()).latest("a")).toBeNull();
  });

  test("the first epoch is 1, and each later one is one above", async () => {
    const store = await open();
    await expect(store.publish(smallSnapshot("a", 2))).rejects.toThrow(StaleEpoch);
    await store.publish(smallSnapshot("a", 1));
    await expect(store.publish(smallSnapshot("a", 1))).rejects.toThrow(StaleEpoch);
    await expect(store.publish(smallSnapshot("a", 3))).rejects.toThrow(StaleEpoch);
    await store.publish(smallSnapshot("a", 2));
    expect(store.latest("a")?.epoch).toBe(2);
  });

  test("of two who publish the same epoch, one wins", async () => {
    const store = await open();
    const outcomes = await Promise.allSettled([
      store.publish(smallSnapshot("a", 1)),
      store.publish(smallSnapshot("a", 1)),
    ]);
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("a reader gets what was published", async () => {
    const store = await open();
    const snapshot = smallSnapshot("a", 1);
    await store.publish(snapshot);
    expect(store.latest("a")).toEqual(snapshot);
  });

  test("pools do not see each other", async () => {
    const store = await open();
    const seen: string[] = [];
    store.follow("a", (snapshot) => seen.push(snapshot.pool));
    await store.publish(smallSnapshot("b", 1));
    await store.publish(smallSnapshot("a", 1));
    expect(seen).toEqual(["a"]);
    expect(store.latest("b")?.epoch).toBe(1);
  });

  test("a follower hears every later epoch in order, until it stops", async () => {
    const store = await open();
    await store.publish(smallSnapshot("a", 1));
    const heard: number[] = [];
    const stop = store.follow("a", (snapshot) => heard.push(snapshot.epoch));
    await store.publish(smallSnapshot("a", 2));
    await store.publish(smallSnapshot("a", 3));
    stop();
    await store.publish(smallSnapshot("a", 4));
    expect(heard).toEqual([2, 3]);
  });
}
