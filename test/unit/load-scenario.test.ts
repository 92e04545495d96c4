import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { loadReplayScenario, loadScenarioGateway } from "../../src/config/replay-scenario/load-scenario.ts";
import { loadScenario } from "../../src/config/scenario.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const HEAD = "title: T\nshows: S\nduration: 1m\n";
const CHAT = "load: { chat: { rate: 4, isl: 500, osl: 10 } }\n";

async function read(yaml: string, short = false) {
  return await loadReplayScenario(await folder.write("scenario.yaml", yaml), short);
}

async function curveOf(rate: string) {
  const { streams } = await read(`${HEAD}load: { chat: { rate: ${rate}, isl: 1, osl: 1 } }`);
  return streams[0].arrivals;
}

it("reads streams with their lengths, times and who asks", async () => {
  const { streams, durationMs, warmUpMs, retries, goodput } = await read(`${HEAD}warmUp: 5s
retries: 3
goodput: ttft:200 tpot:50
load:
  chat: { rate: 4, isl: 1000:0.2, osl: 10, tenant: search, priority: -1, from: 10s, to: 0.5m }
  herd: { burst: 300, isl: 5, osl: 1, from: 500ms }`);
  expect({ durationMs, warmUpMs, retries, goodput }).toEqual({
    durationMs: 60_000,
    warmUpMs: 5000,
    retries: 3,
    goodput: ["ttft:200 tpot:50"],
  });
  expect(streams).toEqual([
    {
      name: "chat",
      fromMs: 10_000,
      toMs: 30_000,
      arrivals: { kind: "rate", curve: [{ atMs: 0, rate: 4 }], burstiness: 1 },
      input: { tokens: 1000, spread: 0.2 },
      output: { tokens: 10, spread: 0 },
      tenant: "search",
      priority: -1,
    },
    {
      name: "herd",
      fromMs: 500,
      toMs: 60_000,
      arrivals: { kind: "burst", requests: 300 },
      input: { tokens: 5, spread: 0 },
      output: { tokens: 1, spread: 0 },
      tenant: null,
      priority: null,
    },
  ]);
});

it("reads a rate that changes, by its times or evenly over a time", async () => {
  expect(await curveOf("[[0s, 1], [30s, 8], [1m, 0]]")).toMatchObject({
    curve: [
      { atMs: 0, rate: 1 },
      { atMs: 30_000, rate: 8 },
      { atMs: 60_000, rate: 0 },
    ],
  });
  expect(await curveOf("{ over: 20s, points: [1, 3, 2] }")).toMatchObject({
    curve: [
      { atMs: 0, rate: 1 },
      { atMs: 10_000, rate: 3 },
      { atMs: 20_000, rate: 2 },
    ],
  });
});

it("reads events in the order of their times, and thresholds with the part that they are about", async () => {
  const { events, thresholds } = await read(`${HEAD}${CHAT}events:
  - { at: 30s, restore: 2 }
  - { at: 20s, lose: 2 }
  - { at: 20s, slow: { rank: 1, factor: 4 }, pool: other }
  - { at: 5, restart: { ranks: [0, 3], away: 2s } }
  - { at: 40s, shift: true }
thresholds:
  - failed == 0
  - { that: p95_ttft_ms < 2, from: 30s, tenant: search, against: { to: 20s, stream: chat } }`);
  expect(events).toEqual([
    { atMs: 5000, pool: null, change: { kind: "restart", ranks: [0, 3], awayMs: 2000 } },
    { atMs: 20_000, pool: null, change: { kind: "lose", rank: 2 } },
    { atMs: 20_000, pool: "other", change: { kind: "slow", rank: 1, factor: 4 } },
    { atMs: 30_000, pool: null, change: { kind: "restore", rank: 2 } },
    { atMs: 40_000, pool: null, change: { kind: "shift" } },
  ]);
  const any = { fromMs: 0, toMs: 60_000, tenant: null, stream: null, shard: null };
  expect(thresholds).toMatchObject([
    { that: "failed == 0", of: any, against: null },
    {
      that: "p95_ttft_ms < 2",
      of: { ...any, fromMs: 30_000, tenant: "search" },
      against: { ...any, toMs: 20_000, stream: "chat" },
    },
  ]);
  expect(thresholds[1].place).toMatch(/scenario\.yaml:13:5$/);
});

describe("the short form", () => {
  const yaml = `${HEAD}gateway:
  control: { sharesMs: 1000, placementMs: 10000 }
  pools: [{ name: demo, kind: simulated, model: gpt-oss-20b, topology: 1x4x9, seed: 1 }]
${CHAT}short:
  duration: 5s
  load: { chat: { osl: 2, rate: nothing } }
  gateway: { control: { placementMs: 1000 } }`;

  it("is laid over the whole, and changes nothing of it", async () => {
    const short = yaml.replace(", rate: nothing", "");
    const [stream] = (await read(short, true)).streams;
    expect(stream).toMatchObject({ toMs: 5000, input: { tokens: 500 }, output: { tokens: 2 } });
    expect((await read(short)).streams[0]).toMatchObject({ toMs: 60_000, output: { tokens: 10 } });
    const gateway = await loadScenarioGateway(await folder.write("short.yaml", short), true);
    expect(gateway.control).toMatchObject({ sharesMs: 1000, placementMs: 1000 });
    expect(gateway.pools[0]).toMatchObject({ kind: "simulated", models: ["gpt-oss-20b"] });
    expect(gateway.http).toMatchObject({ host: "127.0.0.1", port: 0 });
  });

  it("is named with its own line where it is wrong", async () => {
    await expect(read(yaml, true)).rejects.toThrow(
      /scenario\.yaml:10:27: load\.chat\.rate is "nothing"; expected requests a second like 4/,
    );
  });
});

test("the gateway's settings are named with their line, and are needed where it is to be started", async () => {
  const path = await folder.write("gateway.yaml", `${HEAD}${CHAT}gateway:\n  pools: []`);
  await expect(loadScenarioGateway(path, false)).rejects.toThrow(/gateway\.yaml:6:3: pools is an empty list/);
  const none = await folder.write("none.yaml", HEAD + CHAT);
  await expect(loadScenarioGateway(none, false)).rejects.toThrow(/none\.yaml: gateway is missing; .* --url/);
});

it.each([
  ["title: T\nshows: S\nload: {}", /:1:1: duration is missing; expected a time like 30s/],
  [
    "title: T\nshows: S\nduration: 1e10\nload: {}",
    /:3:1: duration is 10000000000; expected .*, up to 31 days/,
  ],
  ["title: T\nshows: S\nduration: -5s\nload: {}", /:3:1: duration is "-5s"; expected a time/],
  [`${HEAD}load: {}`, /:4:1: load is empty; expected streams, as in `chat: {/],
  [`${HEAD}warmUp: 60s\n${CHAT}`, /:3:1: duration is no more than `warmUp`/],
  [`${HEAD}load: { chat: { isl: 1, osl: 1 } }`, /load\.chat has neither `rate` nor `burst`; expected one/],
  [`${HEAD}load: { chat: { isl: 0, rate: 1, osl: 1 } }`, /load\.chat\.isl is 0; expected tokens like 1000/],
  [`${HEAD}load: { chat: { isl: 1, rate: 0, osl: 1 } }`, /load\.chat\.rate is 0; expected requests a second/],
  [
    `${HEAD}load: { chat: { isl: 1, rate: [[0s, 1], [0s, 2]], osl: 1 } }`,
    /load\.chat\.rate is a list; expected/,
  ],
  [`${HEAD}load: { chat: { isl: 1, burst: 5, from: 2m, osl: 1 } }`, /load\.chat goes from 120 s to 60 s/],
  [
    `${HEAD}load: { chat: { isl: 1, burst: 5, burstiness: 2, osl: 1 } }`,
    /burstiness is of a rate; remove it/,
  ],
  [
    `${HEAD}load: { chat: { isl: 1, rat: 5, osl: 1 } }`,
    /:4:25: load\.chat has no setting `rat`; did you mean `rate`\?/,
  ],
  [
    `${HEAD}${CHAT}events: [{ at: 2m, shift: true }]`,
    /events\[0\]\.at is 120 s; expected a time before the run's end/,
  ],
  [`${HEAD}${CHAT}events: [{ at: 2s }]`, /events\[0\] names nothing; expected one of shift, stop, lose/],
  [`${HEAD}${CHAT}events: [{ at: 2s, lose: 1, stop: 2 }]`, /events\[0\] names stop and lose; expected one/],
  [`${HEAD}${CHAT}events: [{ at: 2s, slow: { rank: 1, factor: 0.5 } }]`, /events\[0\]\.slow\.factor is 0\.5/],
  [
    `${HEAD}${CHAT}thresholds: [{ that: failed == 0, from: 5s, to: 2s }]`,
    /thresholds\[0\] is from 5 s to 2 s/,
  ],
  [
    `${HEAD}${CHAT}thresholds: [{ that: failed == 0, stream: chta }]`,
    /thresholds\[0\]\.stream is "chta"; expected one of chat/,
  ],
  ["[]", /scenario\.yaml: is not a mapping; expected settings such as `load:`/],
  [
    "model: deepseek-v3\ndurationSeconds: 5",
    /scenario\.yaml: is a scenario of `simulate`; run that, or name one of a load test/,
  ],
])("%j is refused in one line", async (yaml, message) => {
  await expect(read(yaml)).rejects.toThrow(message);
});

test("`simulate` says of a load test's file whose it is", async () => {
  const path = await folder.write("load-test.yaml", HEAD + CHAT);
  await expect(loadScenario(path)).rejects.toThrow(
    `${path}: is a scenario of a load test; run \`replay --scenario\` with it`,
  );
});
