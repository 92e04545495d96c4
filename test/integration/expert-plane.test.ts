import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { readSglangMap } from "../../src/formats/sglang-placement.ts";
import { readTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { readVllmAscendMap } from "../../src/formats/vllm-ascend-placement.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { binaryLoad } from "../../harness/binary-load.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { patiently } from "../patiently.ts";

const LAYERS = SMALL_MOE_LAYERS;
const EXPERTS = SMALL_MODEL.experts;
const DENSE = SMALL_MODEL.layers - LAYERS;
const SLOTS_PER_GPU = 5;
const TOPOLOGY = { nodes: 2, gpusPerNode: 4, slotsPerGpu: SLOTS_PER_GPU };
const RANKS = gpuCount(TOPOLOGY);
const SLOTS = slotCount(TOPOLOGY);

let folder: ScratchFolder;
let fake: FakeServer;
let group: string;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = await scratchFolder();
  group = await smallGroup(folder, TOPOLOGY);
  fake = await startOpenAiServer();
});
afterAll(async () => {
  await fake.kill();
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 100, stagingBytes: 1000000000000 }
pools:
  - name: chat
    kind: openai
    models: [small]
    urls: [${fake.url}]
    experts: ${group}
`);
});
afterEach(() => gateway.stop());

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(gateway.url + path, { headers });
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Every layer's first expert is this much hotter than the others. */
function skewed(factor: number): number[][] {
  return Array.from({ length: LAYERS }, () =>
    Array.from({ length: EXPERTS }, (_, e) => (e === 0 ? factor * 100 : 100)),
  );
}

interface PlacementAnswer {
  epoch: number;
  state: string;
  physical_to_logical_map: number[][];
}

interface ChangesAnswer {
  /** Row, slot, expert before, expert after, whether it came from another GPU. */
  slots: number[][];
  /** Row, expert, replicas before, load, place. */
  touched: number[][];
}

async function placement(): Promise<PlacementAnswer> {
  return (await get("/ep/v1/placement/chat")).json() as Promise<PlacementAnswer>;
}

test("engines report loads, load the placement that is pending, acknowledge it, and it is routed by", async () => {
  const first = await placement();
  expect(first).toMatchObject({ epoch: 1, state: "published" });
  expect(first.physical_to_logical_map).toHaveLength(LAYERS);
  expect(first.physical_to_logical_map[0]).toHaveLength(SLOTS);

  const reported = async () => {
    const accepted = await post("/ep/v1/load", {
      pool: "chat",
      windowMs: 1000,
      logical_count: skewed(40),
    });
    expect(accepted.status).toBe(202);
    return (await placement()).state;
  };
  await expect.poll(reported, patiently).toBe("pending");
  const next = await placement();
  const copies = (map: number[][]) => map[0].filter((expert) => expert === 0).length;
  expect(copies(next.physical_to_logical_map)).toBeGreaterThan(copies(first.physical_to_logical_map));

  for (let rank = 0; rank < RANKS; rank++) {
    const response = await post("/ep/v1/acks", { pool: "chat", epoch: next.epoch, rank });
    expect([response.status, await response.json()]).toEqual([
      202,
      { accepted: true, epoch: next.epoch, rank, phase: "prepared" },
    ]);
  }
  const published = async () =>
    Number((await get("/ep/v1/shares/chat")).headers.get("etag")?.replaceAll('"', ""));
  await expect.poll(published, patiently).toBeGreaterThanOrEqual(next.epoch);
  const answer = await post("/v1/chat/completions", { model: "small" });
  expect(Number(answer.headers.get("x-plimsoll-epoch"))).toBeGreaterThanOrEqual(next.epoch);
  const retired = async () => ((await placement()) as PlacementAnswer & { retire: number }).retire;
  expect(await retired()).toBeLessThan(next.epoch);
  for (let rank = 0; rank < RANKS; rank++)
    await post("/ep/v1/acks", { pool: "chat", epoch: next.epoch, rank, phase: "committed" });
  await expect.poll(retired, patiently).toBe(next.epoch);
  // What it changed is kept beside it, with the load that it was made for.
  const changes = async () => get("/ep/v1/changes/chat/1");
  await expect.poll(async () => (await changes()).status, patiently).toBe(200);
  const { slots, touched, ...changed } = (await (await changes()).json()) as ChangesAnswer;
  expect(changed).toMatchObject({ decision: 1, epochAfter: next.epoch, topology: TOPOLOGY });
  const map = first.physical_to_logical_map.map((row) => [...row]);
  for (const [row, slot, before, after] of slots) {
    expect(map[row][slot]).toBe(before);
    map[row][slot] = after;
  }
  expect(map).toEqual(next.physical_to_logical_map);
  const hottest = touched.find(([row, expert]) => row === 0 && expert === 0);
  expect(hottest?.slice(2)).toEqual([
    copies(first.physical_to_logical_map),
    expect.closeTo((40 / (39 + EXPERTS)) * EXPERTS, 1),
    1,
  ]);
  const forecast = (await (await get("/ep/v1/forecast/chat")).json()) as {
    decision: number;
    load: number[][];
  };
  expect([forecast.decision, forecast.load[0][0]]).toEqual([1, hottest?.[3]]);
  const none = await get("/ep/v1/changes/chat/99");
  expect([none.status, await none.json()]).toMatchObject([404, { error: { code: "decision_not_kept" } }]);
  expect((await get("/ep/v1/changes/chat/x")).status).toBe(400);
  const late = await post("/ep/v1/acks", { pool: "chat", epoch: next.epoch, rank: 0 });
  expect([late.status, await late.json()]).toMatchObject([409, { error: { code: "epoch_not_pending" } }]);
  expect(gateway.faults).toEqual([]);
});

test("the event stream sends history, reports and epochs", async () => {
  const response = await get("/ep/v1/events");
  const events = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  const seen = new Map<string, Record<string, unknown>>();
  let metrics: string | null = null;
  for await (const { event, data } of events ?? []) {
    seen.set(event ?? "", JSON.parse(data) as Record<string, unknown>);
    if (event === "history")
      await post("/ep/v1/load", { pool: "chat", windowMs: 1000, logical_count: skewed(40) });
    if (event === "report") {
      // Of the first placement: the next may leave nothing uneven.
      metrics ??= await (await get("/metrics")).text();
      const { epoch } = await placement();
      for (const phase of ["prepared", "committed"])
        await Promise.all(
          Array.from({ length: RANKS }, (_, rank) =>
            post("/ep/v1/acks", { pool: "chat", epoch, rank, phase }),
          ),
        );
      await post("/ep/v1/load", { pool: "chat", windowMs: 1000, logical_count: skewed(40) });
    }
    // What was decided is told before what came of it.
    if (seen.has("epoch")) break;
  }
  const quiet = { ranks: RANKS, lost: [], missing: [], paused: false, engine: null };
  expect(seen.get("history")).toMatchObject({
    epochs: [{ pool: "chat", epoch: 1, kind: "placement" }],
    reports: [],
    latest: [],
    states: [{ pool: "chat", ...quiet, leader: { gateway: expect.any(String) as string } }],
    decisions: [{ pool: "chat", decisions: [] }],
  });
  expect(seen.get("state")).toMatchObject({ pool: "chat", ...quiet });
  expect(seen.get("decisions")).toMatchObject({ pool: "chat", decisions: [{ id: 1, kind: "placement" }] });
  expect(seen.get("report")).toMatchObject({ pool: "chat", epoch: 1, nodeHopsPerToken: null, stepMs: null });
  const { expertLoad } = seen.get("report") as { expertLoad: number[][] };
  expect([expertLoad.length, expertLoad[0].length]).toEqual([LAYERS, EXPERTS]);
  expect(seen.get("epoch")).toMatchObject({ pool: "chat", epoch: 2 });

  const joined = (await get("/ep/v1/events")).body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of joined ?? []) {
    const { epochs, reports, latest, decisions } = JSON.parse(data) as Record<
      string,
      Record<string, unknown>[]
    >;
    expect(latest).toMatchObject([{ pool: "chat", expertLoad: expect.any(Array) as unknown[] }]);
    expect(decisions).toMatchObject([{ pool: "chat", decisions: [{ id: 1 }] }]);
    expect(epochs.slice(0, 2)).toMatchObject([{ epoch: 1 }, { epoch: 2 }]);
    const { balancedness, atMs } = seen.get("report") ?? {};
    expect(reports).toContainEqual(expect.objectContaining({ pool: "chat", atMs, balancedness }));
    for (const large of ["expertLoad", "gpuLoad", "ranks"]) expect(reports[0]).not.toHaveProperty(large);
    break;
  }

  expect(metrics).toMatch(/^plimsoll_epoch\{pool="chat"\} \d+$/m);
  expect(metrics).toMatch(/^plimsoll_balancedness\{pool="chat"\} 0\.\d+$/m);
  expect(metrics).not.toMatch(/^plimsoll_node_hops_per_token\{/m);
});

test("a report in bytes is counted once, and what is wrong with one is said", async () => {
  const counts = new Uint32Array(LAYERS * EXPERTS).fill(7);
  const report = { rank: 3, window: 1, incarnation: null, windowMs: 1000, counts };
  const send = async (bytes: Uint8Array, pool = "chat") => {
    const headers = { "content-type": "application/vnd.plimsoll.load" };
    const response = await fetch(`${gateway.url}/ep/v1/load?pool=${pool}`, {
      method: "POST",
      headers,
      body: bytes,
    });
    return [response.status, await response.json()];
  };
  const bytes = binaryLoad(report, LAYERS, EXPERTS);
  expect(await send(bytes)).toEqual([202, { accepted: true, verdict: "taken" }]);
  expect(await send(bytes)).toEqual([202, { accepted: false, verdict: "duplicate" }]);
  expect(await send(bytes.subarray(0, 100))).toMatchObject([400, { error: { code: "invalid_request" } }]);
  expect(await send(bytes, "none")).toMatchObject([404, { error: { code: "pool_not_found" } }]);
});

const load = (incarnation: object) =>
  post("/ep/v1/load", { pool: "chat", rank: 5, windowMs: 1000, logical_count: skewed(1), ...incarnation });
const ack = (incarnation: number) =>
  post("/ep/v1/acks", { pool: "chat", epoch: 1, rank: 5, phase: "committed", incarnation });
const isReady = (incarnation: number) =>
  post("/ep/v1/ranks", { pool: "chat", rank: 5, state: "ready", incarnation });

test.each([
  ["load", () => load({ incarnation: 8 }), 202],
  ["load of a sender that says run", () => load({ run: 8 }), 202],
  ["acknowledgement", () => ack(8), 409],
  ["word", () => isReady(8), 202],
])(
  "a rank that restarts before it is missed holds nothing any more: its first %s shows it",
  async (_, first, status) => {
    expect((await load({ incarnation: 7 })).status).toBe(202);
    const ranks = async () => {
      const { pools } = (await (await get("/admin/state")).json()) as {
        pools: { control: { ranks: string[] } }[];
      };
      return pools[0].control.ranks[5];
    };
    const known = () => gateway.app.pools()[0].controlled?.loop.view.operatorState.incarnations;
    await expect.poll(known, patiently).toMatchObject([{ rank: 5, incarnation: 7 }]);
    expect((await placement()).epoch).toBe(1);
    expect((await first()).status).toBe(status);
    const published = async () =>
      (await (await get("/ep/v1/placement/chat?state=published")).json()) as PlacementAnswer;
    await expect
      .poll(
        async () =>
          (await published()).physical_to_logical_map[0].slice(5 * SLOTS_PER_GPU, 6 * SLOTS_PER_GPU),
        patiently,
      )
      .toEqual(Array.from({ length: SLOTS_PER_GPU }, () => -1));
    await expect.poll(ranks, patiently).toBe("live");
  },
);

test("who waits for a placement receives it when it is published", async () => {
  const { headers } = await get("/ep/v1/placement/chat?wait=0");
  const tag = headers.get("etag") ?? "";
  const waiting = get("/ep/v1/placement/chat?wait=30", { "if-none-match": tag });
  await post("/ep/v1/ranks", { pool: "chat", rank: 5, state: "lost" });
  const {
    epoch,
    missing,
    physical_to_logical_map: map,
  } = (await (await waiting).json()) as PlacementAnswer & {
    missing: { layer: number; experts: number[] }[];
  };
  expect(epoch).toBe(2);
  expect(map[0].slice(5 * SLOTS_PER_GPU, 6 * SLOTS_PER_GPU)).toEqual(
    Array.from({ length: SLOTS_PER_GPU }, () => -1),
  );
  expect(missing).toHaveLength(LAYERS);
  await expect
    .poll(async () => {
      const { slots } = (await (await get("/ep/v1/changes/chat/1")).json()) as Partial<ChangesAnswer>;
      return slots?.map(([, slot, , after]) => [Math.floor(slot / SLOTS_PER_GPU), after]);
    }, patiently)
    .toEqual(Array.from({ length: LAYERS * SLOTS_PER_GPU }, () => [5, -1]));
  const unchanged = await get("/ep/v1/shares/chat?wait=0.01", { "if-none-match": '"2"' });
  expect(unchanged.status).toBe(304);
  expect((await get("/ep/v1/placement/chat?wait=x")).status).toBe(400);
});

test("operators see what their orders came to, and who gave them", async () => {
  const order = (path: string, body: unknown = {}) =>
    fetch(`${gateway.url}/admin/pools/chat/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-operator": "ada" },
      body: JSON.stringify(body),
    });
  expect((await order("ranks/3/drain")).status).toBe(202);
  expect((await order("pause")).status).toBe(202);
  expect((await order(`ranks/${RANKS}/drain`)).status).toBe(400);
  expect((await order("rollback", { epoch: 99 })).status).toBe(404);
  expect((await order("rollback", {})).status).toBe(400);
  const control = async () => {
    const { pools } = (await (await get("/admin/state")).json()) as {
      pools: { control: { ranks: string[]; paused: boolean; leading: boolean } }[];
    };
    return pools[0].control;
  };
  await expect.poll(control, patiently).toMatchObject({ paused: true, leading: true });
  expect((await control()).ranks[3]).toBe("draining");
  const { entries } = (await (await get("/admin/pools/chat/audit")).json()) as { entries: unknown[] };
  expect(entries).toMatchObject([
    { by: "ada", order: { kind: "pause" } },
    { by: "ada", order: { kind: "drain", rank: 3 } },
  ]);
  expect(await (await get("/admin/pools/chat/explain")).json()).toMatchObject({ pool: "chat", epoch: 1 });
  const metrics = await (await get("/metrics")).text();
  expect(metrics).toContain('plimsoll_ranks{pool="chat",state="draining"} 1');
  expect(metrics).toContain('plimsoll_leader{pool="chat"} 1');
  expect(metrics).toContain("plimsoll_store_reachable 1");
  const ready = await get("/ready");
  expect(await ready.json()).toMatchObject({ status: "ready", store: "reachable", epochs: { chat: 1 } });
});

test("what is in force can be had as the file each engine is started with", async () => {
  const file = async (format: string) => {
    const response = await get(`/ep/v1/placement/chat?format=${format}`);
    return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
  };
  const { physical_to_logical_map: map } = await placement();
  const sglang = readSglangMap((await file("sglang")).bytes, "sglang");
  // Dense layers have rows too.
  expect([sglang.rows, sglang.columns]).toEqual([LAYERS + DENSE, SLOTS]);
  expect(Array.from(sglang.values.subarray(DENSE * SLOTS, (DENSE + 1) * SLOTS))).toEqual(map[0]);
  const tensorrt = readTensorrtLlmMap((await file("tensorrt-llm")).bytes, "tensorrt-llm");
  expect(Array.from(tensorrt.map.values)).toEqual(map.flat());
  expect(tensorrt.layers).toEqual(Array.from({ length: LAYERS }, (_, i) => i + DENSE));
  const ascend = readVllmAscendMap((await file("vllm-ascend")).bytes, "vllm-ascend");
  expect([ascend.gpus, Array.from(ascend.map.values)]).toEqual([RANKS, map.flat()]);
  expect((await file("onnx")).status).toBe(400);
  await post("/ep/v1/ranks", { pool: "chat", rank: 5, state: "lost" });
  await expect.poll(async () => (await file("sglang")).status, patiently).toBe(409);
});
