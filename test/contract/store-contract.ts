import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  EPOCHS_KEPT,
  LEARNED_KEPT,
  LeaseLost,
  MESSAGES_KEPT,
  type PoolStore,
  StaleEpoch,
  type Store,
} from "../../src/control/store.ts";
import { patiently } from "../patiently.ts";
import { bytes, collect, text } from "../store-text.ts";

/** A store that several gateways share. */
export interface StoreSite extends AsyncDisposable {
  /** As one more gateway. The test closes it. */
  connect(): Promise<Store>;
}

/** Longer than any test: what lasts so long lasts. */
const LONG_MS = 60_000;
/** What lasts so long is over soon. */
const BRIEF_MS = 40;

/** What every implementation of Store must do. */
export function storeContract(what: string, open: () => Promise<StoreSite>): void {
  describe(what, () => {
    let site: StoreSite;
    const stores: Store[] = [];
    beforeAll(async () => {
      site = await open();
    });
    afterEach(async () => {
      await Promise.all(stores.splice(0).map((store) => store.close()));
    });
    afterAll(() => site[Symbol.asyncDispose]());

    async function connect(): Promise<Store> {
      const store = await site.connect();
      stores.push(store);
      return store;
    }

    /** A pool of its own for each test, as several gateways see it. */
    async function gateways(count: number): Promise<PoolStore[]> {
      const pool = randomUUID();
      const connected = await Promise.all(Array.from({ length: count }, connect));
      return connected.map((store) => store.pool(pool));
    }

    test("it answers, and has one object for each pool", async () => {
      const store = await connect();
      expect(store.fault).toBeNull();
      expect(store.pool("a")).toBe(store.pool("a"));
      expect(store.pool("a")).not.toBe(store.pool("b"));
    });

    test("of those who ask for a lease at once one gets it, and keeps it", async () => {
      const pools = await gateways(3);
      const tokens = await Promise.all(pools.map((pool, i) => pool.lease(`g${i}`, LONG_MS)));
      expect(tokens.filter((token) => token !== null)).toHaveLength(1);
      const holder = tokens.findIndex((token) => token !== null);
      const again = await Promise.all(pools.map((pool, i) => pool.lease(`g${i}`, LONG_MS)));
      expect(again).toEqual(tokens);
      await pools[holder].release((tokens[holder] ?? 0) + 1);
      expect(await pools[(holder + 1) % 3].lease("other", LONG_MS)).toBeNull();
    });

    test("tokens grow with every lease, given back or run out", async () => {
      const [one, other] = await gateways(2);
      const first = await leased(one, "one", LONG_MS);
      await one.release(first);
      const second = await leased(other, "other", BRIEF_MS);
      expect(second).toBeGreaterThan(first);
      let third: number | null = null;
      await expect.poll(async () => (third = await one.lease("one", LONG_MS)), patiently).not.toBeNull();
      expect(third).toBeGreaterThan(second);
    });

    test("a lease that ran out lets nothing through, though nobody has taken it", async () => {
      const [pool] = await gateways(1);
      const token = await leased(pool, "one", BRIEF_MS);
      const refused = () => pool.put("learned", null, token).catch((error: unknown) => error);
      await expect.poll(refused, patiently).toBeInstanceOf(LeaseLost);
      await expect(pool.publish(1, bytes("late"), token)).rejects.toThrow(LeaseLost);
      expect(await pool.read()).toEqual({ epoch: 0, snapshot: null, values: new Map() });
    });

    test("an old token lets nothing through while another holds the lease", async () => {
      const [one, other] = await gateways(2);
      const old = await leased(one, "one", LONG_MS);
      await one.release(old);
      const token = await leased(other, "other", LONG_MS);
      await expect(one.publish(1, bytes("old"), old)).rejects.toThrow(LeaseLost);
      await expect(one.put("leader", bytes("old"), old)).rejects.toThrow(LeaseLost);
      await other.publish(1, bytes("new"), token);
      expect(text((await one.read()).snapshot)).toBe("new");
    });

    test("an epoch is published once, and only above the last", async () => {
      const [one, other] = await gateways(2);
      const token = await leased(one, "one", LONG_MS);
      const outcomes = await Promise.allSettled([
        one.publish(5, bytes("a"), token),
        other.publish(5, bytes("b"), token),
      ]);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      await expect(one.publish(5, bytes("c"), token)).rejects.toThrow(StaleEpoch);
      await expect(one.publish(4, bytes("d"), token)).rejects.toThrow(StaleEpoch);
      expect((await other.read()).epoch).toBe(5);
    });

    test("the epochs kept can be read, an older one cannot", async () => {
      const [pool] = await gateways(1);
      const token = await leased(pool, "one", LONG_MS);
      for (let epoch = 1; epoch <= EPOCHS_KEPT + 1; epoch++)
        await pool.publish(epoch, bytes(`e${epoch}`), token);
      expect(await pool.at(1)).toBeNull();
      expect(text(await pool.at(2))).toBe("e2");
      expect(text(await pool.at(EPOCHS_KEPT + 1))).toBe(`e${EPOCHS_KEPT + 1}`);
      expect(await pool.at(EPOCHS_KEPT + 2)).toBeNull();
    });

    test("bytes are kept as they were given, whatever becomes of the array", async () => {
      const [pool] = await gateways(1);
      const token = await leased(pool, "one", LONG_MS);
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      const given = every.slice();
      await pool.publish(1, given, token);
      await pool.put("orders", given, token);
      await pool.offer("k", 1, given);
      given.fill(0);
      const { snapshot, values } = await pool.read();
      const [learned] = await pool.learned(["k"]);
      for (const kept of [snapshot, values.get("orders"), learned]) expect(plain(kept)).toEqual(every);
    });

    test("who follows hears what there is, then all that comes, in order", async () => {
      const [leader, follower] = await gateways(2);
      const token = await leased(leader, "one", LONG_MS);
      await leader.publish(3, bytes("three"), token);
      await leader.put("leader", bytes("l"), token);
      const heard: string[] = [];
      const stop = listen(follower, heard);
      await expect.poll(() => heard, patiently).toEqual(["3 three", "leader l"]);
      for (let epoch = 4; epoch <= 40; epoch++) await leader.publish(epoch, bytes("later"), token);
      await leader.put("leader", null, token);
      await leader.put("rollout", bytes("r"), token);
      await expect.poll(() => heard.length, patiently).toBe(41);
      const epochs = Array.from({ length: 37 }, (_, i) => `${i + 4} later`);
      expect(heard.slice(2)).toEqual([...epochs, "leader null", "rollout r"]);
      stop();
      await leader.publish(41, bytes("unheard"), token);
      const later: string[] = [];
      listen(follower, later);
      await expect.poll(() => later, patiently).toEqual(["41 unheard", "rollout r"]);
      expect(heard).toHaveLength(41);
    });

    test("the last of many values set in a row is heard", async () => {
      const [leader, follower] = await gateways(2);
      const token = await leased(leader, "one", LONG_MS);
      const heard: string[] = [];
      listen(follower, heard);
      await Promise.all(Array.from({ length: 100 }, (_, i) => leader.put("report", bytes(`${i}`), token)));
      await leader.put("learned", bytes("end"), token);
      await expect.poll(() => heard, patiently).toContain("learned end");
      expect(heard.findLast((line) => line.startsWith("report"))).toBe("report 99");
    });

    test("followers of who publishes have heard it by then, and what others published before", async () => {
      const [one, other] = await gateways(2);
      const heard: string[] = [];
      listen(other, heard);
      const first = await leased(one, "one", LONG_MS);
      await one.publish(1, bytes("a"), first);
      await expect.poll(() => heard, patiently).toEqual(["1 a"]);
      await one.publish(2, bytes("b"), first);
      await one.publish(3, bytes("c"), first);
      await one.release(first);
      await other.publish(4, bytes("d"), await leased(other, "other", LONG_MS));
      expect(heard).toEqual(["1 a", "2 b", "3 c", "4 d"]);
    });

    test("an epoch that the store has lost can be handed back, an old one has no effect", async () => {
      const [one, other] = await gateways(2);
      const heard: string[] = [];
      listen(other, heard);
      await one.restore(7, bytes("seven"));
      await other.restore(7, bytes("another"));
      await other.restore(6, bytes("six"));
      await expect.poll(() => heard, patiently).toEqual(["7 seven"]);
      expect(await one.read()).toMatchObject({ epoch: 7 });
      const token = await leased(one, "one", LONG_MS);
      await expect(one.publish(7, bytes("again"), token)).rejects.toThrow(StaleEpoch);
    });

    test("the leader hears what was told before and what is told later, in order, and then it is forgotten", async () => {
      const [leader, other] = await gateways(2);
      const token = await leased(leader, "one", LONG_MS);
      await other.send(bytes("1"), null);
      await leader.send(bytes("2"), null);
      const heard: string[] = [];
      leader.receive(token, collect(heard));
      await expect.poll(() => heard, patiently).toEqual(["1", "2"]);
      await other.send(bytes("3"), null);
      await expect.poll(() => heard, patiently).toEqual(["1", "2", "3"]);
      await other.send(bytes("4"), null);
      await expect.poll(() => heard.length, patiently).toBe(4);
      // What follows the fourth shows that the fourth was finished.
      await other.send(bytes("5"), null);
      await expect.poll(() => heard, patiently).toEqual(["1", "2", "3", "4", "5"]);
    });

    test("what a leader had not finished is heard by the next, who hears alone", async () => {
      const [one, other] = await gateways(2);
      const first = await leased(one, "one", LONG_MS);
      await one.send(bytes("unfinished"), null);
      const before: string[] = [];
      const never = new Promise<number>(() => {});
      one.receive(first, (messages) => {
        before.push(...messages.map(text));
        return never;
      });
      await expect.poll(() => before, patiently).toEqual(["unfinished"]);
      await one.release(first);
      const second = await leased(other, "other", LONG_MS);
      const old: string[] = [];
      one.receive(first, collect(old));
      const heard: string[] = [];
      other.receive(second, collect(heard));
      await expect.poll(() => heard, patiently).toEqual(["unfinished"]);
      await one.send(bytes("new"), null);
      await expect.poll(() => heard, patiently).toEqual(["unfinished", "new"]);
      expect(before).toEqual(["unfinished"]);
      expect(old).toEqual([]);
    });

    test("what a listener has not done is delivered again, with what came behind it; what it has done is not", async () => {
      const [pool, other] = await gateways(2);
      const token = await leased(pool, "one", LONG_MS);
      for (const message of ["a", "b", "c"]) await pool.send(bytes(message), null);
      const deliveries: string[][] = [];
      pool.receive(token, async (messages) => {
        deliveries.push(messages.map(text));
        if (deliveries.length === 1) return 1;
        if (deliveries.length === 2) {
          await other.send(bytes("d"), null);
          throw new Error("none of it");
        }
        return messages.length;
      });
      await expect
        .poll(() => deliveries, patiently)
        .toEqual([
          ["a", "b", "c"],
          ["b", "c"],
          ["b", "c", "d"],
        ]);
      await other.send(bytes("e"), null);
      await expect.poll(() => deliveries.at(-1), patiently).toEqual(["e"]);
    });

    test("what a listener could not do is left for the next leader", async () => {
      const [one, other] = await gateways(2);
      const first = await leased(one, "one", LONG_MS);
      await one.send(bytes("hard"), null);
      let tries = 0;
      one.receive(first, () => Promise.reject(new Error(`try ${++tries}`)));
      await expect.poll(() => tries, patiently).toBe(3);
      await one.release(first);
      const second = await leased(other, "other", LONG_MS);
      const heard: string[] = [];
      other.receive(second, collect(heard));
      await expect.poll(() => heard, patiently).toEqual(["hard"]);
    });

    test("more messages than are kept push out the oldest", async () => {
      const [pool] = await gateways(1);
      for (let i = 0; i < MESSAGES_KEPT + 2; i++) await pool.send(bytes(String(i)), null);
      const heard: string[] = [];
      pool.receive(await leased(pool, "one", LONG_MS), collect(heard));
      await expect.poll(() => heard.length, patiently).toBe(MESSAGES_KEPT);
      expect([heard[0], heard.at(-1)]).toEqual(["2", String(MESSAGES_KEPT + 1)]);
    });

    test("a name is claimed by one, until its time is over", async () => {
      const [one, other] = await gateways(2);
      expect(await one.claim(["a", "b", "a"], LONG_MS)).toEqual([true, true, false]);
      expect(await other.claim(["b", "c"], LONG_MS)).toEqual([false, true]);
      expect(await one.claim(["brief"], 1)).toEqual([true]);
      await expect.poll(async () => (await other.claim(["brief"], 1))[0], patiently).toBe(true);
      expect(await one.claim([], LONG_MS)).toEqual([]);
    });

    test("the audit log gives its latest entries, the newest first", async () => {
      const [one, other] = await gateways(2);
      expect(await one.audit(5)).toEqual([]);
      const before = Date.now();
      for (const entry of ["a", "b", "ç"]) await one.send(bytes("m"), entry);
      await one.send(bytes("m"), null);
      const entries = await other.audit(2);
      expect(entries.map(({ entry }) => entry)).toEqual(["ç", "b"]);
      expect(entries[0].atMs).toBeGreaterThanOrEqual(before - 1);
      expect(await other.audit(10)).toHaveLength(3);
    });

    test("parts of the past are kept and forgotten in one step, by who leads, and read where they are asked for", async () => {
      const [one, other] = await gateways(2);
      expect([await other.keptNames(), await other.kept([])]).toEqual([[], []]);
      const token = await leased(one, "one", LONG_MS);
      const given = bytes("first");
      await one.keep(
        new Map([
          ["a", given],
          ["b", bytes("")],
        ]),
        token,
      );
      given.fill(0);
      expect((await other.kept(["b", "none", "a"])).map(text)).toEqual(["", "null", "first"]);
      await one.keep(
        new Map([
          ["a", null],
          ["none", null],
          ["c", bytes("c")],
        ]),
        token,
      );
      expect((await other.keptNames()).toSorted()).toEqual(["b", "c"]);
      await one.release(token);
      const next = await leased(other, "other", LONG_MS);
      await expect(one.keep(new Map([["b", null]]), token)).rejects.toThrow(LeaseLost);
      await other.keep(new Map([["b", bytes("next")]]), next);
      expect((await one.kept(["b", "c"])).map(text)).toEqual(["next", "c"]);
      expect((await one.read()).values.size).toBe(0);
    });

    test("what rests on more evidence is kept, and told to who offers less", async () => {
      const [one, other] = await gateways(2);
      expect(await one.offer("k", 10, bytes("ten"))).toBeNull();
      expect(text(await other.offer("k", 9.5, bytes("less")))).toBe("ten");
      expect(await other.offer("k", 10, bytes("as much"))).toBeNull();
      expect(await other.offer("k:2", 1, bytes(""))).toBeNull();
      expect((await one.learned(["k:2", "none", "k"])).map(text)).toEqual(["", "null", "as much"]);
      expect(await one.learned([])).toEqual([]);
    });

    test("the keys offered last are kept", async () => {
      const [pool] = await gateways(1);
      for (let i = 0; i < LEARNED_KEPT; i++) await pool.offer(`k${i}`, 2, bytes(String(i)));
      await pool.offer("k0", 1, bytes("less"));
      await pool.offer("one more", 1, bytes("x"));
      expect((await pool.learned(["k0", "k1", "k2"])).map(text)).toEqual(["0", "null", "2"]);
    });

    test("gateways hear what the others carry, not what those told who fell silent", async () => {
      const [one, other] = await Promise.all([connect(), connect()]);
      const names = [randomUUID(), randomUUID()];
      const told = async (store: Store, self: number, usage: string, staleMs: number) =>
        text((await store.share(names[self], bytes(usage), staleMs)).get(names[1 - self]) ?? null);
      expect(await told(one, 0, "a", LONG_MS)).toBe("null");
      expect(await told(other, 1, "b:b", LONG_MS)).toBe("a");
      expect(await told(one, 0, "c", LONG_MS)).toBe("b:b");
      expect(await told(other, 1, "", LONG_MS)).toBe("c");
      expect(await told(one, 0, "d", LONG_MS)).toBe("");
      await expect.poll(() => told(other, 1, "e", 1), patiently).toBe("null");
    });

    test("pools do not see each other", async () => {
      const [one] = await gateways(1);
      const [other] = await gateways(1);
      const token = await leased(one, "one", LONG_MS);
      await one.publish(1, bytes("x"), token);
      await one.put("leader", bytes("x"), token);
      await one.send(bytes("x"), "x");
      await one.claim(["x"], LONG_MS);
      await one.offer("x", 1, bytes("x"));
      expect(await other.read()).toEqual({ epoch: 0, snapshot: null, values: new Map() });
      expect(await other.lease("other", LONG_MS)).not.toBeNull();
      expect(await other.audit(1)).toEqual([]);
      expect(await other.claim(["x"], LONG_MS)).toEqual([true]);
      expect(await other.learned(["x"])).toEqual([null]);
      await expect(other.publish(1, bytes("x"), token + 1_000_000_000)).rejects.toThrow(LeaseLost);
    });
  });
}

async function leased(pool: PoolStore, holder: string, ttlMs: number): Promise<number> {
  const token = await pool.lease(holder, ttlMs);
  if (token === null) throw new Error("another holds the lease");
  return token;
}

/** Writes down what a follower hears, one line each. */
function listen(pool: PoolStore, heard: string[]): () => void {
  return pool.follow({
    epoch: (epoch, snapshot) => heard.push(`${epoch} ${text(snapshot)}`),
    value: (name, value) => heard.push(`${name} ${text(value)}`),
  });
}

/** Without what a Buffer has beside. */
function plain(content: Uint8Array | null | undefined): Uint8Array {
  return Uint8Array.from(content ?? []);
}
