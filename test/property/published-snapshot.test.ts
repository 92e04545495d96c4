import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { smallSnapshot } from "../contract/snapshot-store-contract.ts";

const arrays = ["physicalToLogical", "offsets", "slots", "values", "prices"] as const;

test("nothing the publisher writes afterwards reaches a reader", async () => {
  const writes = fc.array(
    fc.record({ array: fc.constantFrom(...arrays), at: fc.nat(7), value: fc.nat(1000) }),
    { minLength: 1 },
  );
  await fc.assert(
    fc.asyncProperty(writes, async (all) => {
      const snapshot = smallSnapshot("a", 1);
      const before = structuredClone(snapshot);
      const store = new MemoryStore();
      let followed: unknown = null;
      store.follow("a", (published) => {
        followed = published;
      });
      await store.publish(snapshot);
      const own = {
        physicalToLogical: snapshot.placement.physicalToLogical as Int32Array,
        offsets: snapshot.replicas.offsets,
        slots: snapshot.replicas.slots,
        values: snapshot.shares.values as Float64Array,
        prices: snapshot.shares.prices as Float64Array,
      };
      for (const { array, at, value } of all) own[array][at] = value;
      Object.assign(snapshot.change, { reason: "rewritten" });
      Object.assign(snapshot.placement.topology, { nodes: 99 });
      expect(store.latest("a")).toEqual(before);
      expect(followed).toBe(store.latest("a"));
    }),
    { seed: 2, numRuns: 100 },
  );
});

test("a reader cannot change what other readers see of it", async () => {
  const store = new MemoryStore();
  await store.publish(smallSnapshot("a", 1));
  const read = store.latest("a");
  for (const part of [
    read,
    read?.change,
    read?.placement,
    read?.placement.topology,
    read?.replicas,
    read?.shares,
  ]) {
    expect(() => Object.assign(part as object, { epoch: 7 })).toThrow(TypeError);
  }
});
