import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { binaryLoad } from "../../harness/binary-load.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, readConfig, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { patiently } from "../patiently.ts";
import { keyHash } from "../../src/config/operator-key.ts";

const TOPOLOGY = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 };
const KEY = {
  low: "low-ranks-0123456789abcdef",
  high: "high-ranks-0123456789abcdef",
  all: "all-ranks-0123456789abcdef",
  other: "other-pool-0123456789abcdef",
  client: "client-0123456789abcdef",
  ops: "operator-0123456789abcdef",
};
const hash = (key: string) => `hash: "sha256:${keyHash(key)}"`;

let folder: ScratchFolder;
let fakes: FakeServer[];
let gateway: RunningGateway;
let pools: string;
beforeAll(async () => {
  folder = await scratchFolder();
  const group = await smallGroup(folder, TOPOLOGY);
  fakes = await Promise.all([startOpenAiServer(), startOpenAiServer()]);
  const pool = (name: string, i: number) =>
    `{ name: ${name}, kind: openai, models: [small], urls: [${fakes[i].url}], experts: ${group} }`;
  pools = `pools: [${pool("chat", 0)}, ${pool("code", 1)}]`;
  gateway = await startGateway(`control: { stagingBytes: 1000000000000 }
access:
  keys:
    low: { ${hash(KEY.low)}, role: engine, pools: [chat], ranks: "0-3" }
    high: { ${hash(KEY.high)}, role: engine, pools: [chat], ranks: "4-6,7" }
    all: { ${hash(KEY.all)}, role: engine }
    other: { ${hash(KEY.other)}, role: engine, pools: [code] }
    client: { ${hash(KEY.client)} }
    ops: { ${hash(KEY.ops)}, role: operator }
${pools}`);
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all(fakes.map((fake) => fake.kill()));
  await folder[Symbol.asyncDispose]();
});

async function send(
  base: string,
  key: string | null,
  method: string,
  path: string,
  body?: object | Uint8Array,
) {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(base + path, {
    method,
    headers: {
      "content-type": isBytes ? "application/vnd.plimsoll.load" : "application/json",
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    },
    ...(body === undefined ? {} : { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const { error } = (text.startsWith("{") ? JSON.parse(text) : {}) as { error?: { reason: string } };
  return error === undefined ? `${response.status}` : `${response.status} ${error.reason}`;
}

const load = Array.from({ length: SMALL_MOE_LAYERS }, () =>
  Array.from({ length: SMALL_MODEL.experts }, () => 9),
);
const report = (rank: number | null, pool = "chat") => ({
  pool,
  ...(rank === null ? {} : { rank, incarnation: 1, window: 1 }),
  windowMs: 1000,
  logical_count: load,
});
const post = (key: string | null, path: string, body: object) => send(gateway.url, key, "POST", path, body);

describe("a rank's key", () => {
  test.each([
    [KEY.low, 0, "202"],
    [KEY.low, 3, "202"],
    [KEY.low, 4, "403 not_permitted"],
    [KEY.high, 7, "202"],
    [KEY.high, 3, "403 not_permitted"],
    [KEY.all, 5, "202"],
    [KEY.other, 0, "403 not_permitted"],
    [KEY.client, 0, "403 not_permitted"],
    [KEY.ops, 0, "202"],
    [null, 0, "401 unauthorized"],
    ["wrong-0123456789abcdef", 0, "401 unauthorized"],
  ])("%s writes what is of its own ranks: a load of rank %i is answered %s", async (key, rank, expected) => {
    expect(await post(key, "/ep/v1/load", report(rank))).toBe(expected);
    const state = { pool: "chat", rank, incarnation: 1, state: "ready" };
    expect(await post(key, "/ep/v1/ranks", state)).toBe(expected);
    // That epoch waits for nobody, which is for those to know who may acknowledge.
    const ack = { pool: "chat", rank, incarnation: 1, epoch: 999, phase: "prepared" };
    const acknowledged = await post(key, "/ep/v1/acks", ack);
    expect(acknowledged).toBe(expected === "202" ? "409 epoch_not_pending" : expected);
  });

  test("the same holds for a load in bytes, whose rank stands in them", async () => {
    const counts = Uint32Array.from(load.flat());
    const bytes = (rank: number) =>
      binaryLoad(
        { rank, window: 7, incarnation: 1, windowMs: 1000, counts },
        SMALL_MOE_LAYERS,
        SMALL_MODEL.experts,
      );
    const sent = (key: string, rank: number) =>
      send(gateway.url, key, "POST", "/ep/v1/load?pool=chat", bytes(rank));
    expect([await sent(KEY.low, 1), await sent(KEY.low, 5), await sent(KEY.other, 1)]).toEqual([
      "202",
      "403 not_permitted",
      "403 not_permitted",
    ]);
  });

  test("of the whole pool the first rank reports", async () => {
    const whole = (key: string) => post(key, "/ep/v1/load", report(null));
    expect([await whole(KEY.low), await whole(KEY.high), await whole(KEY.all)]).toEqual([
      "202",
      "403 not_permitted",
      "202",
    ]);
  });

  test("opens what ranks read of their pool, and nothing of operators", async () => {
    const get = (path: string) => send(gateway.url, KEY.low, "GET", path);
    for (const path of ["placement", "shares", "forecast"]) {
      expect([path, await get(`/ep/v1/${path}/chat`)]).toEqual([path, "200"]);
      expect([path, await get(`/ep/v1/${path}/code`)]).toEqual([path, "403 not_permitted"]);
    }
    for (const path of [
      "/admin/state",
      "/metrics",
      "/ep/v1/events",
      "/ep/v1/exchange/chat",
      "/ep/v1/history/chat",
    ])
      expect([path, await get(path)]).toEqual([path, "403 not_permitted"]);
    for (const path of ["/admin/pools/chat/pause", "/admin/pools/chat/ranks/0/drain"])
      expect([path, await post(KEY.low, path, {})]).toEqual([path, "403 not_permitted"]);
    expect(await post(KEY.low, "/v1/completions", { model: "small", prompt: "x" })).toBe("403 not_permitted");
  });
});

test("the audit log names the key that an order came with, whatever its header says", async () => {
  const headers = { authorization: `Bearer ${KEY.ops}`, "x-operator": "somebody else" };
  const order = await fetch(`${gateway.url}/admin/pools/code/pause`, { method: "POST", headers });
  expect(order.status).toBe(202);
  const audit = async () => {
    const response = await fetch(`${gateway.url}/admin/pools/code/audit`, { headers });
    return ((await response.json()) as { entries: { by: string }[] }).entries.map(({ by }) => by);
  };
  await expect.poll(audit, patiently).toEqual(["ops: somebody else"]);
});

test("where engines have keys and operators none, this machine's processes read, and write with a key alone", async () => {
  const open = await startGateway(`access: { keys: { all: { ${hash(KEY.all)}, role: engine } } }\n${pools}`);
  const reported = (key: string | null) => send(open.url, key, "POST", "/ep/v1/load", report(2));
  expect([await reported(null), await reported("wrong"), await reported(KEY.all)]).toEqual([
    "401 unauthorized",
    "401 unauthorized",
    "202",
  ]);
  expect(await send(open.url, null, "GET", "/admin/state")).toBe("200");
  expect(await send(open.url, KEY.all, "GET", "/admin/state")).toBe("403 not_permitted");
  expect(await send(open.url, null, "POST", "/v1/completions", { model: "small", prompt: "x" })).toBe("200");
  await open.stop();
});

test.each([
  [
    `{ ${hash("a")}, role: engine, models: [small] }`,
    /keys\.k\.models is for keys of clients, and this one is of an engine/,
  ],
  [`{ ${hash("a")}, ranks: "0-3" }`, /keys\.k\.ranks is for keys of engines/],
  [
    `{ ${hash("a")}, role: engine, pools: [chta] }`,
    /pools\[0\] is "chta", and there is no such pool; expected one of chat, code/,
  ],
  [`{ ${hash("a")}, role: engine, ranks: "7-3" }`, /ranks has 7-3; expected the lower rank first/],
  [`{ ${hash("a")}, role: engine, ranks: "all" }`, /expected ranks, e\.g\. 0-7 or 0-3,12/],
  ["{ hash: sk-something-secret }", /keys\.k\.hash is not shown.*expected sha256: and 64 digits/],
  [`{ ${hash("a")}, expires: "2027-13-01" }`, /expires is 2027-13-01, which no calendar has/],
  [`{ ${hash("a")}, expires: tomorrow }`, /expected a day, 2027-01-31/],
  [
    `{ ${hash("a")}, tenant: t, limits: { maxInFlight: 1 } }`,
    /limits is of the tenant "t".*admission\.tenants/,
  ],
  [`{ ${hash("a")} }, l: { ${hash("a")} }`, /keys\.l\.hash is that of key "k" too/],
])("%s: a key that cannot be meant is explained", async (key, message) => {
  await expect(readConfig(`access: { keys: { k: ${key} } }\n${pools}`)).rejects.toThrow(message);
});
