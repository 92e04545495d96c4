import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import type { ControlLoop } from "../../src/control/control-loop.ts";
import { patiently } from "../patiently.ts";

let folder: ScratchFolder;
let config: string;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = await scratchFolder();
  config = `
store: { url: "file://${folder.path("store")}" }
control: { sharesMs: 50 }
pools: [{ name: chat, kind: openai, models: [small], urls: ["${await deadUrl()}"], experts: ${await smallGroup(folder)} }]
`;
  gateway = await startGateway(config);
});
afterAll(async () => {
  await gateway.stop();
  await folder[Symbol.asyncDispose]();
});

interface Answer {
  readonly pool: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly whole: Record<string, number | null>;
  readonly rows: readonly Record<string, number | null>[];
}

async function history(query = ""): Promise<Answer> {
  const response = await fetch(`${gateway.url}/ep/v1/history/chat${query}`);
  expect([query, response.status]).toEqual([query, 200]);
  return (await response.json()) as Answer;
}

const counted = async () =>
  (await history("?step=1")).rows.filter(({ tokensPerSecond }) => tokensPerSecond !== null);

test("what a pool did and how it was outlives the gateway, second by second", async () => {
  const logical_count = Array.from({ length: SMALL_MOE_LAYERS }, () =>
    Array.from({ length: SMALL_MODEL.experts }, (_, expert) => (expert === 0 ? 101 : 100)),
  );
  const report = () =>
    fetch(`${gateway.url}/ep/v1/load`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ pool: "chat", windowMs: 1000, logical_count }),
    });
  expect((await report()).status).toBe(202);
  const view = () => gateway.app.pools()[0].controlled?.loop.view;
  await expect.poll(() => view()?.report, patiently).not.toBeNull();
  // The last seconds of a term are stored as it ends.
  await gateway.stop();
  gateway = await startGateway(config);
  await expect.poll(async () => (await counted()).length, patiently).toBe(1);
  const [row] = await counted();
  const tokens = (100 * SMALL_MODEL.experts + 1) / SMALL_MODEL.topk;
  expect(row).toMatchObject({
    seconds: 1,
    measuredMs: 1000,
    tokensPerSecond: tokens,
    epoch: 1,
    lostRanks: 0,
  });
  expect(row["balancedness"]).toBeGreaterThan(0.5);
  // Engines do not report these.
  expect(row).toMatchObject({ stepMs: null, hopsPerToken: null, running: null });
});

interface GpuAnswer {
  readonly step: number;
  readonly rows: readonly {
    readonly at: number;
    readonly seconds: number;
    readonly held: readonly number[] | null;
    readonly load?: readonly number[] | null;
    readonly lost: readonly number[];
    readonly fullest?: readonly {
      readonly gpu: number;
      readonly experts: readonly { readonly layer: number }[];
    }[];
  }[];
}

async function gpus(query: string): Promise<GpuAnswer> {
  const response = await fetch(`${gateway.url}/ep/v1/history/chat/gpus${query}`);
  expect([query, response.status]).toEqual([query, 200]);
  return (await response.json()) as GpuAnswer;
}

test("and what each of its GPUs did, with the experts that filled those that steps waited for", async () => {
  const measured = ({ rows }: GpuAnswer) => rows.filter(({ held }) => held !== null);
  await expect.poll(async () => measured(await gpus("")).length, patiently).toBe(1);
  const [row] = measured(await gpus(""));
  expect(row).toMatchObject({ seconds: 10, lost: [], drained: [], kvUse: null });
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  expect(mean(row.load ?? [])).toBeCloseTo(1, 1);
  const { balancedness } = (await counted())[0];
  expect(mean(row.held ?? []) * (row.held?.length ?? 0)).toBeCloseTo(1 / (balancedness as number) - 1, 3);
  const [{ gpu, experts }] = row.fullest ?? [];
  expect(row.held?.[gpu]).toBe(Math.max(...(row.held ?? [])));
  // By the model's own numbers: it has a dense layer first.
  expect(experts.every(({ layer }) => layer >= 1 && layer <= SMALL_MOE_LAYERS)).toBe(true);
  expect((await gpus(`?at=${row.at + 9999}`)).rows).toEqual([row]);
  expect((await gpus(`?at=${row.at - 86_400_000}`)).rows).toEqual([]);
  const { rows } = await gpus("?step=3600&figures=held");
  expect(rows.map(({ seconds, load, fullest }) => [seconds, load, fullest])).toContainEqual([
    3600,
    undefined,
    undefined,
  ]);
  const csv = await fetch(`${gateway.url}/ep/v1/history/chat/gpus?at=${row.at}&format=csv`);
  expect(csv.headers.get("content-disposition")).toMatch(/filename="plimsoll-chat-gpus-[\dTZ.-]+\.csv"$/);
  const lines = (await csv.text()).trim().split("\n");
  expect(lines[0]).toMatch(
    /^time_utc,seconds,measured_ms,gpu,state,step_longer_for_it,load_times_mean,.*,experts$/,
  );
  expect(lines).toHaveLength(1 + (row.held?.length ?? 0));
  expect(lines[1 + gpu]).toMatch(/,live,[\d.]+,[\d.]+,,,,\d+\/\d+ [\d.]+ [\d.]+(; |$)/);
  const refused = await fetch(`${gateway.url}/ep/v1/history/chat/gpus?figures=held,heat`);
  const { error } = (await refused.json()) as { error: { message: string } };
  expect([refused.status, error.message]).toEqual([
    400,
    'query: figures has "heat"; expected some of held, load, kvUse, waiting, running, fullest, with commas between',
  ]);
});

test("what a gateway measured of a pool's requests in ten seconds is there when these are over", async () => {
  const engine = await startOpenAiServer();
  // Two seconds before that.
  const now = Date.now;
  const ahead = 8000 - (now() % 10_000);
  const clock = vi.spyOn(Date, "now").mockImplementation(() => now() + ahead);
  const other = await startGateway(`
control: { sharesMs: 50 }
pools: [{ name: chat, kind: openai, models: [small], urls: ["${engine.url}"], experts: ${await smallGroup(folder)} }]
`);
  try {
    const loop = other.app.pools()[0].controlled?.loop as ControlLoop;
    const reported = vi.spyOn(loop, "reportTraffic");
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ model: "small", stream: true, messages: [{ role: "user", content: "x" }] });
    const answer = await fetch(`${other.url}/v1/chat/completions`, { method: "POST", headers, body });
    expect([answer.status, (await answer.text()).length > 0]).toEqual([200, true]);
    const report = () => reported.mock.calls.find(([, { ended }]) => ended > 0);
    await expect.poll(report, patiently).toBeDefined();
    const [slot, { spanMs }] = report() as Parameters<ControlLoop["reportTraffic"]>;
    expect([slot % 10, spanMs > 0, spanMs <= 10_000]).toEqual([0, true, true]);
    // What has been received is stored when the leader goes.
    const stored = async () => {
      await loop.resign();
      await loop.start();
      return loop.view.history.traffic.filter(({ atS }) => atS === slot);
    };
    await expect
      .poll(stored, patiently)
      .toMatchObject([{ atS: slot, seconds: 10, spanMs, ended: 1, failed: 0 }]);
    const found = await fetch(`${other.url}/ep/v1/history/chat?step=10&from=${slot * 1000}`);
    const [row] = ((await found.json()) as Answer).rows;
    expect(row).toMatchObject({ at: slot * 1000, failedPerSecond: 0 });
    expect(row["requestsPerSecond"]).toBeCloseTo(1000 / spanMs, 3);
    expect(row["ttftP50"]).toBeGreaterThan(0);
  } finally {
    clock.mockRestore();
    await other.stop();
    await engine.kill();
  }
});

test("a part of it is asked for by times, put together in steps, as JSON or CSV", async () => {
  const all = await history();
  expect(all).toMatchObject({ pool: "chat", step: 10, whole: { epoch: 1 } });
  expect(all.to - all.from).toBe(3_600_000);
  const from = new Date(all.from).toISOString();
  expect((await history(`?from=${from}&to=${all.to}&step=60`)).rows.length).toBeLessThanOrEqual(
    all.rows.length,
  );
  expect(await history("?to=2000&from=1000")).toMatchObject({ step: 1, whole: null, rows: [] });
  for (const [query, accept] of [
    ["?format=csv", "*/*"],
    ["", "text/csv, */*;q=0.1"],
  ]) {
    const answer = await fetch(`${gateway.url}/ep/v1/history/chat${query}`, { headers: { accept } });
    expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
    expect(answer.headers.get("content-disposition")).toMatch(
      /^attachment; filename="plimsoll-chat-[\dTZ.-]+\.csv"$/,
    );
    expect(await answer.text()).toMatch(/^time_utc,seconds,measured_ms,tokens_per_s,.*\n20\d\d-/);
  }
});

test.each([
  [
    "from=yesterday",
    'query: from is "yesterday"; expected milliseconds since 1970, or a time such as 2026-12-01T09:30:00Z',
  ],
  ["to=99999999999999999", 'query: to is "99999999999999999"; expected milliseconds'],
  ["to=2026-13-01T00:00:00Z", 'query: to is "2026-13-01T00:00:00Z"; expected milliseconds'],
  ["from=2000&to=1000", "query: from is not before `to`; expected the earlier time in `from`"],
  ["from=1000&from=2000", 'query: from is ["1000","2000"]; expected milliseconds'],
  ["step=7", 'query: step is "7"; expected seconds: 1, 10, or a multiple of 60 up to 86400'],
  ["step=0", 'query: step is "0"; expected seconds'],
  ["format=xml", 'query: format is "xml"; expected csv or json'],
])("%s is refused with one line", async (query, message) => {
  const answer = await fetch(`${gateway.url}/ep/v1/history/chat?${query}`);
  const { error } = (await answer.json()) as { error: { message: string } };
  expect([answer.status, error.message.slice(0, message.length)]).toEqual([400, message]);
  expect(error.message).not.toContain("\n");
});

test("it is for operators, of pools there are", async () => {
  expect((await fetch(`${gateway.url}/ep/v1/history/other`)).status).toBe(404);
  const forwarded = { headers: { "x-forwarded-for": "10.0.0.1" } };
  expect((await fetch(`${gateway.url}/ep/v1/history/chat`, forwarded)).status).toBe(403);
});
