import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import type { WatchedEngine } from "../../src/model/watched-engine.ts";
import { patiently } from "../patiently.ts";

let folder: ScratchFolder;
let server: ServerAt;
let gateway: RunningGateway;
/** Lets the engine's answers end. */
let answer = () => {};
beforeAll(async () => {
  folder = await scratchFolder();
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  server = await serverAt("127.0.0.1", 0, (_request, response) => {
    void answered.then(() => response.end('{"choices":[]}'));
  });
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 3600000, rankSilenceMs: 0 }
pools:
  - name: chat
    kind: openai
    models: [small]
    urls: [http://127.0.0.1:${server.port}]
    experts: ${await smallGroup(folder)}
`);
  const published = async () => expect((await fetch(`${gateway.url}/ep/v1/placement/chat`)).status).toBe(200);
  await vi.waitFor(published, patiently);
});
afterAll(async () => {
  await gateway.stop();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** What a plug-in reports: every expert has this many tokens. */
async function report(tokens: number, engine: object): Promise<[number, string]> {
  const row = Array(SMALL_MODEL.experts).fill(tokens);
  const response = await fetch(`${gateway.url}/ep/v1/load`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      pool: "chat",
      windowMs: 1000,
      logical_count: Array(SMALL_MOE_LAYERS).fill(row),
      engine: {
        name: "vllm 0.32.0",
        step: 1000,
        rebalances: 3,
        rebalanceEvery: 3000,
        dispatch: "even",
        balancedness: 0.5,
        ranks: [],
        ...engine,
      },
    }),
  });
  return [response.status, await response.text()];
}

async function state(): Promise<WatchedEngine | null> {
  const read = (await (await fetch(`${gateway.url}/admin/state`)).json()) as {
    pools: { engine: WatchedEngine | null }[];
  };
  return read.pools[0].engine;
}

async function kinds(): Promise<readonly string[] | undefined> {
  return (await state())?.faults.map(({ kind }) => kind);
}

async function metrics(): Promise<readonly string[]> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith("plimsoll_engine_"));
}

function notices(): readonly string[] {
  return gateway.notices.filter((line) => line.includes("vllm 0.32.0"));
}

test("an engine that reports its load balancing is in the state and the metrics, with what is wrong with it", async () => {
  expect([await state(), await metrics()]).toEqual([null, []]);
  const well = { map: "ab", table: "01", expected: "01" };
  const ranks = [well, { ...well, map: "cd" }, well, { ...well, table: "02" }];
  const taken = [202, '{"accepted":true,"verdict":"taken"}'];
  expect([await report(1, { ranks }), await report(2, { ranks })]).toEqual([taken, taken]);
  await expect.poll(kinds, patiently).toEqual(["map", "table"]);
  expect(await state()).toMatchObject({
    name: "vllm 0.32.0",
    step: 1000,
    rebalances: 3,
    stepsSinceRebalance: 0,
    balancedness: 0.5,
    ranks: 4,
    faults: [
      { ranks: [1], text: "rank 1 is on another map of experts than most" },
      { ranks: [3], text: "rank 3 is dispatching by another table than planned" },
    ],
  });
  const fault = (kind: string, value: number) =>
    `plimsoll_engine_faults{pool="chat",kind="${kind}"} ${value}`;
  expect(await metrics()).toEqual([
    fault("stopped", 0),
    fault("frozen", 0),
    fault("map", 1),
    fault("table", 1),
    fault("silent", 0),
    'plimsoll_engine_balancedness{pool="chat"} 0.5',
    'plimsoll_engine_rebalances_total{pool="chat"} 3',
  ]);

  await report(3, { step: 9000, balancedness: null });
  await expect.poll(kinds, patiently).toEqual(["stopped"]);
  expect(await metrics()).toEqual([
    fault("stopped", 1),
    fault("frozen", 0),
    fault("map", 0),
    fault("table", 0),
    fault("silent", 0),
    'plimsoll_engine_balancedness{pool="chat"} NaN',
    'plimsoll_engine_rebalances_total{pool="chat"} 3',
  ]);
  await report(4, { step: 9001, rebalances: 4 });
  await expect.poll(kinds, patiently).toEqual([]);
  expect(notices()).toEqual([
    "pool chat: vllm 0.32.0: map: rank 1 is on another map of experts than most",
    "pool chat: vllm 0.32.0: table: rank 3 is dispatching by another table than planned",
    "pool chat: vllm 0.32.0: stopped: it has not rebalanced for 8000 steps, and should every 3000",
    "pool chat: vllm 0.32.0: no longer map",
    "pool chat: vllm 0.32.0: no longer table",
    "pool chat: vllm 0.32.0: no longer stopped",
  ]);
});

test("counts that stay empty are frozen only while the gateway has requests at the engine", async () => {
  let step = 10_000;
  const report0 = async () => {
    step += 10;
    await report(0, { step, rebalances: 5 });
    await expect.poll(async () => (await state())?.step, patiently).toBe(step);
    return kinds();
  };
  for (let i = 0; i < 4; i++) expect(await report0()).toEqual([]);
  const request = fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"model":"small","messages":[{"role":"user","content":"a"}]}',
  });
  const asked = () => expect(server.seen.some(({ url }) => url === "/v1/chat/completions")).toBe(true);
  await vi.waitFor(asked, patiently);
  expect([await report0(), await report0(), await report0()]).toEqual([[], [], ["frozen"]]);
  answer();
  expect((await request).status).toBe(200);
  await report(1, { step: step + 1, rebalances: 5 });
  await expect.poll(kinds, patiently).toEqual([]);
});

test("what cannot be true of an engine is refused by name, and nothing of the report is counted", async () => {
  const before = await state();
  for (const [engine, field] of [
    [{ balancedness: 7 }, "engine.balancedness is 7"],
    [{ name: "x".repeat(65) }, "engine.name is"],
    [{ ranks: Array(4097).fill(null) }, "engine.ranks is a list of 4097"],
    [{ ranks: [{ map: "\u001b[31m" }] }, "engine.ranks[0].map is"],
  ] as const) {
    const [status, text] = await report(1, engine);
    expect([status, text]).toEqual([400, expect.stringContaining(`body: ${field}`)]);
  }
  expect(await state()).toEqual(before);
  // A name may hold anything: it does not act on a terminal.
  for (const tokens of [5, 6])
    await report(tokens, { name: "\u001b[31mx\n", otherwise: 1, ranks: [{ table: "0", expected: "1" }] });
  await expect.poll(kinds, patiently).toEqual(["table"]);
  expect(gateway.notices.at(-1)).toMatch(/^pool chat: \\u001b\[31mx : table: rank 0 is/);
});
