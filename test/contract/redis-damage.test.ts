import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { PoolStore } from "../../src/control/store.ts";
import type { RedisStore } from "../../src/store/redis/redis-store.ts";
import { type RedisServer, startRedis } from "../../harness/fakes/redis-server.ts";
import { openRedisStore } from "../../harness/open-redis-store.ts";
import { patiently } from "../patiently.ts";
import { bytes } from "../store-text.ts";

const LONG_MS = 60_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

let pools = 0;
let claimed = 0;
let notices: string[];
beforeEach(() => {
  notices = [];
});

async function opened(url = server.url): Promise<RedisStore & AsyncDisposable> {
  const store = await openRedisStore(url, "test", (line) => notices.push(line));
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

/** Its lines for a person: one for each change. */
function linesOf(store: RedisStore): (string | null)[] {
  const lines: (string | null)[] = [];
  store.onFault((fault) => lines.push(fault));
  return lines;
}

/** All that gateways do with a pool. */
async function useAll(pool: PoolStore, store: RedisStore): Promise<void> {
  const token = (await pool.lease("one", LONG_MS)) as number;
  expect(token).toBeGreaterThan(0);
  const { epoch } = await pool.read();
  const heard: string[] = [];
  const stop = pool.follow({
    epoch: (number) => void heard.push(`${number}`),
    value: (name, value) => void heard.push(`${name} ${String(value)}`),
  });
  await pool.publish(epoch + 1, bytes("s"), token);
  await pool.put("orders", bytes("o"), token);
  await pool.send(bytes("m"), "entry");
  const received: string[] = [];
  const end = pool.receive(token, async (messages) => {
    received.push(...messages.map(String));
    return messages.length;
  });
  expect((await pool.audit(1)).map(({ entry }) => entry)).toEqual(["entry"]);
  expect(await pool.claim([`${claimed++}`], LONG_MS)).toEqual([true]);
  await pool.offer("k", 1, bytes("l"));
  await pool.keep(new Map([["part", bytes("p")]]), token);
  expect(String((await pool.kept(await pool.keptNames()))[0])).toBe("p");
  expect(String((await pool.learned(["k"]))[0])).toBe("l");
  expect(String(await pool.at(epoch + 1))).toBe("s");
  await store.share("one", bytes("u"), LONG_MS);
  await expect.poll(() => heard, patiently).toContain(`${epoch + 1}`);
  await expect.poll(() => heard.some((line) => line.startsWith("orders ")), patiently).toBe(true);
  await expect.poll(() => received.length, patiently).toBeGreaterThan(0);
  end();
  stop();
  await pool.release(token);
}

const TYPES = {
  lease: "hash",
  fence: "string",
  epochs: "stream",
  values: "hash",
  changes: "stream",
  past: "hash",
  messages: "stream",
  audit: "stream",
  claims: "zset",
  learned: "hash",
  offered: "zset",
};

test.each(Object.keys(TYPES) as (keyof typeof TYPES)[])(
  "at the key of %s lies something of another type: it is put aside, named, and all goes on",
  async (name) => {
    await using store = await opened();
    const pool = `p${pools++}`;
    const key = `test:{${pool}}:${name}`;
    await useAll(store.pool(pool), store);
    await server.client.del(key);
    const type = TYPES[name];
    await server.client.rpush(key, "of another");
    await useAll(store.pool(pool), store);
    expect(notices).toEqual([
      `store ${server.url}: the key ${key} held a list, where a ${type} belongs: it is now named ${key}:aside`,
    ]);
    expect(await server.client.lrange(`${key}:aside`, 0, -1)).toEqual(["of another"]);
    expect(store.fault).toBeNull();
  },
);

test("the same at the key of what gateways carry", async () => {
  await using store = await opened();
  await server.client.set("test:shares", "of another");
  await store.share("one", bytes("u"), LONG_MS);
  await using other = await opened();
  expect(String((await other.share("two", bytes("v"), LONG_MS)).get("one"))).toBe("u");
  expect(await server.client.get("{test:shares}:aside")).toBe("of another");
  expect(notices).toHaveLength(1);
});

test.each([
  ["a lease that does not run out", "lease", { holder: "nobody", token: "1" }],
  ["a lease without a token", "lease", { holder: "one" }],
  ["a lease whose token is none", "lease", { holder: "one", token: "x" }],
  ["a lease without a holder", "lease", { token: "7" }],
  ["a lease of other fields", "lease", { something: "else" }],
])("%s is nobody's", async (_, name, fields) => {
  await using store = await opened();
  const pool = `p${pools++}`;
  await server.client.hset(`test:{${pool}}:${name}`, fields);
  const token = await store.pool(pool).lease("one", LONG_MS);
  expect(token).toBeGreaterThan(1e12);
  expect(await store.pool(pool).lease("two", LONG_MS)).toBeNull();
});

test.each(["x", "", "1e3", "-5", "9223372036854775807", "9007199254740993", "1.5"])(
  "a fence of %j begins anew",
  async (fence) => {
    await using store = await opened();
    const pool = `p${pools++}`;
    await server.client.set(`test:{${pool}}:fence`, fence);
    const first = (await store.pool(pool).lease("one", LONG_MS)) as number;
    await store.pool(pool).release(first);
    const second = (await store.pool(pool).lease("two", LONG_MS)) as number;
    expect(first).toBeGreaterThan(1e12);
    expect(second).toBe(first + 1);
    await store.pool(pool).publish(1, bytes("s"), second);
  },
);

test("garbage among what gateways carry, and have learned, gives way", async () => {
  await using store = await opened();
  await server.client.hset("test:shares", { one: "garbage", two: "", three: "1e99:x" });
  expect((await store.share("me", bytes("u"), LONG_MS)).has("one")).toBe(false);
  const pool = `p${pools++}`;
  await server.client.hset(`test:{${pool}}:learned`, { a: "garbage", b: ":x", c: "nan:x" });
  for (const key of ["a", "b", "c"]) {
    expect(await store.pool(pool).offer(key, 0, bytes("mine"))).toBeNull();
    expect(String((await store.pool(pool).learned([key]))[0])).toBe("mine");
  }
  expect(store.fault).toBeNull();
});

test.each([
  ["OOM", ["maxmemory", "1"], ["maxmemory", "0"]],
  ["NOREPLICAS", ["min-replicas-to-write", "1"], ["min-replicas-to-write", "0"]],
])(
  "a server that takes no writes (%s) says so once, though it is read and written again and again",
  async (code, on, off) => {
    await using store = await opened();
    const pool = store.pool(`p${pools++}`);
    const lines = linesOf(store);
    await server.client.config("SET", ...(on as [string, string]));
    for (let i = 0; i < 5; i++) {
      await expect(pool.send(bytes("m"), null)).rejects.toThrow(`Redis takes no writes: ${code}`);
      await expect(store.share("one", bytes("u"), LONG_MS)).rejects.toThrow(`Redis takes no writes: ${code}`);
      await pool.read();
    }
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^takes no writes: ${code} [^@]*$`))]);
    expect(store.fault).toBe(lines[0]);
    await server.client.config("SET", ...(off as [string, string]));
    await pool.read();
    expect(store.fault).not.toBeNull();
    await store.share("one", bytes("u"), LONG_MS);
    expect(lines.slice(1)).toEqual([null]);
  },
);

test("a server that cannot save (MISCONF) says so, until it can", async () => {
  await using full = await startRedis({ save: '"3600 1"' });
  await using store = await opened(full.url);
  const lines = linesOf(store);
  const [, folder] = (await full.client.config("GET", "dir")) as [string, string];
  await rm(folder, { recursive: true });
  await full.client.set("a", "b");
  await full.client.bgsave();
  const failed = async () => (await full.client.info("persistence")).includes("rdb_last_bgsave_status:err");
  await expect.poll(failed, patiently).toBe(true);
  await expect(store.share("one", bytes("u"), LONG_MS)).rejects.toThrow("takes no writes: MISCONF");
  await mkdir(folder);
  await full.client.config("SET", "stop-writes-on-bgsave-error", "no");
  await store.share("one", bytes("u"), LONG_MS);
  expect(lines).toEqual([expect.stringContaining("MISCONF"), null]);
});

test("a replica (READONLY) is said, and not a line for every new connection", async () => {
  await using replica = await startRedis({ replicaof: `127.0.0.1 ${server.port}` });
  await using store = await opened(replica.url);
  const lines = linesOf(store);
  for (let i = 0; i < 30; i++) {
    await store.share("one", bytes("u"), LONG_MS).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  expect(lines).toEqual([expect.stringContaining("takes no writes: READONLY")]);
  await replica.client.call("REPLICAOF", "NO", "ONE");
  await expect.poll(() => store.share("one", bytes("u"), LONG_MS).then(ok, no), patiently).toBe(true);
  expect(store.fault).toBeNull();
});

test("one command that is refused (NOPERM) stays said while the others work, without the user's name", async () => {
  await server.client.call("ACL", "SETUSER", "somebody", "on", ">sesame", "~*", "&*", "+@all");
  await using store = await opened(`redis://somebody:sesame@127.0.0.1:${server.port}`);
  const pool = store.pool(`p${pools++}`);
  await pool.send(bytes("m"), null);
  const lines = linesOf(store);
  await server.client.call("ACL", "SETUSER", "somebody", "resetkeys", "~test:{*");
  for (let i = 0; i < 3; i++) {
    await expect(store.share("one", bytes("u"), LONG_MS)).rejects.toThrow("refuses `share`: NOPERM");
    await pool.send(bytes("m"), null);
    await pool.read();
  }
  expect(lines).toHaveLength(1);
  expect(store.fault).toMatch(/^refuses `share`: NOPERM/);
  expect(store.fault).not.toMatch(/somebody|sesame/);
  await server.client.call("ACL", "SETUSER", "somebody", "~*");
  await store.share("one", bytes("u"), LONG_MS);
  expect(lines.slice(1)).toEqual([null]);
});

test("AUTH that is refused, or not asked for, is said without credentials", async () => {
  await using closed = await startRedis({ requirepass: "sesame" });
  for (const [url, code] of [
    [`redis://:wrong@127.0.0.1:${closed.port}`, "WRONGPASS"],
    [`redis://127.0.0.1:${closed.port}`, "NOAUTH"],
  ]) {
    await using store = await opened(url);
    await expect.poll(() => store.fault, patiently).toContain(code);
    expect(store.fault).toMatch(/^does not answer: /);
    expect(store.fault).not.toContain("wrong@");
    const lines = linesOf(store);
    for (let i = 0; i < 10; i++) {
      await expect(store.share("one", bytes("u"), LONG_MS)).rejects.toThrow(code);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(lines).toEqual([]);
  }
});

test("TLS with who does not speak it is said", async () => {
  await using store = await opened(`rediss://127.0.0.1:${server.port}`);
  const waits = "does not answer: connect ETIMEDOUT (with TLS, as rediss:// asks)";
  await expect.poll(() => store.fault, patiently).toBe(waits);

  const keys = ["server.pem", "server.key"].map((name) =>
    readFileSync(new URL(`../../harness/fakes/tls/${name}`, import.meta.url)),
  );
  const secure = createServer({ cert: keys[0], key: keys[1] }).listen(0, "127.0.0.1");
  await once(secure, "listening");
  const { port } = secure.address() as AddressInfo;
  await using plain = await opened(`redis://127.0.0.1:${port}`);
  await expect
    .poll(() => plain.fault, patiently)
    .toMatch(/^does not answer: .* \(without TLS, as redis:\/\/ asks\)$/);
  await using strange = await opened(`rediss://127.0.0.1:${port}`);
  await expect.poll(() => strange.fault, patiently).toMatch(/^does not answer: .*certificate/);
  secure.close();
});

const ok = () => true;
const no = () => false;
