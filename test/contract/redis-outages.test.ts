import { afterAll, beforeAll, expect, test } from "vitest";
import { type PoolStore, StoreUnreachable } from "../../src/control/store.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { type RedisServer, startRedis, startSentinel } from "../../harness/fakes/redis-server.ts";
import { openRedisStore } from "../../harness/open-redis-store.ts";
import { patiently } from "../patiently.ts";
import { bytes, collect, text } from "../store-text.ts";

const LONG_MS = 60_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

test("Redis comes back empty: the store says so, nothing lower is heard, the last epoch is handed back", async () => {
  await using store = disposable(await openRedisStore(server.url));
  const turns: boolean[] = [];
  store.onFault((fault) => turns.push(fault === null));
  const pool = store.pool("emptied");
  const { epochs, values } = listen(pool);
  const token = (await pool.lease("one", LONG_MS)) as number;
  await pool.publish(41, bytes("41"), token);
  await pool.publish(42, bytes("42"), token);
  await pool.put("leader", bytes("before"), token);
  await expect.poll(() => values, patiently).toEqual(["leader before"]);

  await server.kill();
  await expect.poll(() => store.fault === null, patiently).toBe(false);
  await expect(pool.read()).rejects.toThrow(StoreUnreachable);
  await expect(pool.send(bytes("unheard"), "unheard")).rejects.toThrow(StoreUnreachable);
  await server.restart();
  await expect.poll(() => store.fault === null, patiently).toBe(true);
  expect(turns.indexOf(true)).toBe(turns.length - 1);

  const next = (await pool.lease("one", LONG_MS)) as number;
  expect(next).toBeGreaterThan(token);
  await pool.restore(42, bytes("42"));
  await pool.put("leader", bytes("after"), next);
  await pool.publish(43, bytes("43"), next);
  await expect.poll(() => values.at(-1), patiently).toBe("leader after");
  expect(epochs).toEqual([41, 42, 43]);
  expect(await pool.audit(9)).toEqual([]);
});

test("what was missed while one gateway was cut off is heard in order; its leader hears what was left", async () => {
  await using store = disposable(await openRedisStore(server.url));
  await using other = disposable(await openRedisStore(server.url));
  const pool = store.pool("cut");
  const { epochs, values } = listen(store.pool("cut"));
  const token = (await pool.lease("one", LONG_MS)) as number;
  const heard: string[] = [];
  pool.receive(token, collect(heard));
  await pool.publish(1, bytes("1"), token);
  await pool.put("rollout", bytes("r"), token);
  await expect.poll(() => values, patiently).toEqual(["rollout r"]);
  // Every connection is cut, again and again, while the other gateway goes on.
  for (let epoch = 2; epoch <= 6; epoch++) {
    await server.client.call("CLIENT", "KILL", "TYPE", "normal");
    await expect.poll(() => other.pool("cut").restore(epoch, bytes("x")).then(ok, no), patiently).toBe(true);
    await expect
      .poll(
        () =>
          other
            .pool("cut")
            .send(bytes(`m${epoch}`), null)
            .then(ok, no),
        patiently,
      )
      .toBe(true);
  }
  await expect.poll(() => other.pool("cut").put("rollout", null, token).then(ok, no), patiently).toBe(true);
  await expect.poll(() => epochs, patiently).toEqual([1, 2, 3, 4, 5, 6]);
  await expect.poll(() => heard, patiently).toEqual(["m2", "m3", "m4", "m5", "m6"]);
  await expect.poll(() => values, patiently).toEqual(["rollout r", "rollout null"]);
});

test("a server that hangs is given up, and found again when it goes on", async () => {
  await using store = disposable(await openRedisStore(server.url));
  const pool = store.pool("hung");
  const { epochs } = listen(pool);
  const token = (await pool.lease("one", LONG_MS)) as number;
  await pool.publish(1, bytes("1"), token);
  server.pause();
  const asked = await Promise.allSettled([
    pool.read(),
    pool.lease("one", LONG_MS),
    store.share("g", bytes("u"), 1),
  ]);
  expect(asked.map((outcome) => outcome.status)).toEqual(["rejected", "rejected", "rejected"]);
  expect(store.fault).not.toBeNull();
  server.resume();
  await expect.poll(() => store.fault === null, patiently).toBe(true);
  await pool.publish(2, bytes("2"), token);
  expect(epochs).toEqual([1, 2]);
});

test("a gateway that starts before Redis finds it once it is there", async () => {
  await server.kill();
  await using store = disposable(await openRedisStore(server.url));
  expect(store.fault).not.toBeNull();
  const pool = store.pool("late");
  const { epochs } = listen(pool);
  await expect(pool.lease("one", LONG_MS)).rejects.toThrow(StoreUnreachable);
  await server.restart();
  await expect.poll(() => store.fault === null, patiently).toBe(true);
  await pool.restore(9, bytes("9"));
  await expect.poll(() => epochs, patiently).toEqual([9]);
});

test("Sentinel puts a replica in the master's place: the store goes on there", async () => {
  await using group = await startSentinel();
  const [master, replica] = group.servers;
  await using store = disposable(await openRedisStore(group.url));
  expect(store.name).toBe(group.url);
  const pool = store.pool("moved");
  const { epochs } = listen(pool);
  const token = (await pool.lease("one", LONG_MS)) as number;
  await pool.publish(1, bytes("1"), token);
  await expect.poll(() => replica.client.exists("test:{moved}:epochs"), patiently).toBe(1);
  await master.kill();
  await expect.poll(() => pool.publish(2, bytes("2"), token).then(ok, no), patiently).toBe(true);
  expect(text((await pool.read()).snapshot)).toBe("2");
  expect(epochs).toEqual([1, 2]);
});

function disposable(store: RedisStore): RedisStore & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

function listen(pool: PoolStore): { readonly epochs: number[]; readonly values: string[] } {
  const epochs: number[] = [];
  const values: string[] = [];
  pool.follow({
    epoch: (epoch) => void epochs.push(epoch),
    value: (name, value) => void values.push(`${name} ${text(value)}`),
  });
  return { epochs, values };
}

const ok = () => true;
const no = () => false;
