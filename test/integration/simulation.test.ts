import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { MadeUpTraffic, TraceTraffic } from "../../src/cli/played-traffic.ts";
import { TrafficPlayer } from "../../src/cli/traffic-player.ts";
import type { ControlHalf } from "../../src/pools/control-half.ts";
import { gpusInService } from "../../src/model/placement.ts";
import { patiently } from "../patiently.ts";

/** Without one GPU there is still a slot for each of the 32 experts. */
const TOPOLOGY = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 12 };
/** Everything at a tenth of its time or less. */
const SETTINGS = `
health:
  probe: { intervalMs: 50 }
  circuit: { openMs: 50, maxOpenMs: 100 }
  slowStart: { durationMs: 0 }
control: { sharesMs: 50, placementMs: 400, rankSilenceMs: 150 }`;

const MADE = { factor: 1.5, most: 2, trace: { atMs: 4000, lengthMs: 10_000, speed: 5 } };

let folder: ScratchFolder;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = await scratchFolder();
  const group = await smallGroup(folder, TOPOLOGY);
  const simulated = group.replace("{", "{ name: demo, kind: simulated, seed: 1,");
  const real = `{ name: real, kind: openai, models: [other], urls: [http://127.0.0.1:9], experts: ${group} }`;
  gateway = await startGateway(`${SETTINGS}\npools: [${simulated}, ${real}]`);
});
afterAll(async () => {
  await gateway?.stop();
  await folder[Symbol.asyncDispose]();
});

function post(body: unknown, pool = "demo", headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/admin/pools/${pool}/simulation`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function state(): Promise<object> {
  return (await (await fetch(`${gateway.url}/admin/pools/demo/simulation`)).json()) as object;
}

function controlled(): ControlHalf {
  return gateway.app.pools()[0].controlled as ControlHalf;
}

/** The ranks that the snapshot in force names. */
function named(): readonly number[] {
  const { snapshot } = controlled().loop.view;
  return snapshot === null ? [] : [...gpusInService(snapshot.placement)];
}

function missing(): number {
  return controlled().loop.view.snapshot?.missing.length ?? -1;
}

/** Keeps requests coming until it is stopped. */
function traffic() {
  const statuses: number[] = [];
  const shards = new Set<string>();
  const over = new AbortController();
  const words = "how deep does she lie ".repeat(20);
  const body = JSON.stringify({ model: "small", prompt: words, max_tokens: 3 });
  const ask = async () => {
    while (!over.signal.aborted) {
      const answer = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body });
      await answer.arrayBuffer();
      statuses.push(answer.status);
      shards.add(answer.headers.get("x-plimsoll-shard") ?? "");
      await sleep(5);
    }
  };
  const asking = Promise.all(Array.from({ length: 6 }, ask));
  return {
    statuses,
    shards,
    stop: async () => {
      over.abort();
      await asking;
    },
  };
}

test("a GPU that stops is found out, done without and taken back, and no request is lost", async () => {
  const requests = traffic();
  const degraded: number[] = [];
  const stop = controlled().loop.view.onSnapshot(() => degraded.push(missing()));
  try {
    await expect.poll(() => requests.shards.has("demo/3"), patiently).toBe(true);
    expect(named()).toEqual([0, 1, 2, 3]);

    expect((await post({ lose: 3 })).status).toBe(200);
    expect(await state()).toEqual({ pool: "demo", traffic: null, shifts: 0, lost: [3], slow: [] });
    await expect.poll(named, patiently).toEqual([0, 1, 2]);
    expect(controlled().loop.rankStates).toEqual(["live", "live", "live", "lost"]);
    expect(controlled().loop.view.operatorState.lost).toEqual([{ rank: 3, how: "silent" }]);
    // Some experts were on that GPU alone.
    expect(Math.max(...degraded)).toBeGreaterThan(0);
    await expect.poll(missing, patiently).toBe(0);
    const notReady = "pool demo: demo/3 is not ready (nobody takes connections there: STOPPED)";
    await expect.poll(() => gateway.notices, patiently).toContain(notReady);
    requests.shards.clear();
    const before = requests.statuses.length;
    await expect.poll(() => requests.statuses.length, patiently).toBeGreaterThan(before + 20);
    expect([...requests.shards].toSorted()).toEqual(["demo/0", "demo/1", "demo/2"]);

    expect((await post({ restore: 3 })).status).toBe(200);
    await expect.poll(named, patiently).toEqual([0, 1, 2, 3]);
    expect(controlled().loop.rankStates).toEqual(["live", "live", "live", "live"]);
    expect(missing()).toBe(0);
    await expect.poll(() => requests.shards.has("demo/3"), patiently).toBe(true);
  } finally {
    stop();
    await requests.stop();
  }
  expect(requests.statuses.every((status) => status === 200)).toBe(true);
});

test("a GPU that is back before anybody has missed it is known to hold nothing", async () => {
  const change = async (body: object) => expect((await post(body)).status).toBe(200);
  const reasons: string[] = [];
  const stop = controlled().loop.view.onSnapshot(({ placement, change: { reason } }) => {
    if (!gpusInService(placement).includes(1)) reasons.push(reason);
  });
  await Promise.all([change({ lose: 1 }), change({ restore: 1 })]);
  await expect.poll(() => reasons, patiently).toContain("rank 1 is lost");
  await expect.poll(named, patiently).toEqual([0, 1, 2, 3]);
  stop();
});

test("a shift makes other experts hot, and the balancer follows", async () => {
  const requests = traffic();
  const load = () => controlled().loop.view.report?.expertLoad.flat() ?? [];
  const apart = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, one, i) => sum + Math.abs(one - b[i]), 0) / a.length;
  const answered = async (count: number) => {
    const enough = requests.statuses.length + count;
    await expect.poll(() => requests.statuses.length, patiently).toBeGreaterThan(enough);
  };
  try {
    await answered(200);
    const first = load();
    await answered(100);
    const before = load();
    expect(apart(first, before)).toBeLessThan(0.1);
    const { epoch = 0 } = controlled().loop.view.snapshot ?? {};
    expect((await post({ shift: true })).status).toBe(200);
    expect(await state()).toMatchObject({ shifts: 1 });
    // As many requests without a shift change 0.04 of the load.
    await expect.poll(() => apart(before, load()), patiently).toBeGreaterThan(0.15);
    await expect.poll(() => controlled().loop.view.snapshot?.epoch, patiently).toBeGreaterThan(epoch);
  } finally {
    await requests.stop();
  }
});

describe("what cannot be done is refused", () => {
  test.each([
    [
      "nothing",
      {},
      "names nothing; expected one of traffic, pause, again, speed, jump, shift, lose, restore, stop, slow",
    ],
    ["two things", { lose: 1, restore: 2 }, 'names "lose", "restore"; expected one of'],
    ["what is not known", { explode: true }, 'names "explode"; expected one of'],
    ["a GPU that is not there", { lose: 4 }, "lose is 4; expected a rank in 0..3"],
    ["a GPU by its name", { restore: "1" }, 'restore is "1"; expected a rank in 0..3'],
    ["a GPU to end its work that is not there", { stop: -1 }, "stop is -1; expected a rank in 0..3"],
    [
      "a slow GPU that is not there",
      { slow: { rank: 9, factor: 4 } },
      "slow.rank is 9; expected a rank in 0..3",
    ],
    ["half a pass", { slow: { rank: 1, factor: 0.5 } }, 'expected {"rank": 3, "factor": 4}'],
    ["a GPU that is slow by nothing", { slow: 3 }, 'slow is 3; expected {"rank": 3, "factor": 4}'],
    ["no shift", { shift: false }, "shift is false; expected true"],
    ["a list", [3], "is no JSON object"],
  ])("%s", async (_, body, message) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as { error: { message: string; code: string } };
    expect(error.code).toBe("invalid_request");
    expect(error.message).toContain(message);
  });

  test.each([
    ["a pool that is not there", "none", {}, 404, "pool_not_found"],
    ["a pool of real servers", "real", {}, 409, "not_simulated"],
    ["a page of another origin", "demo", { origin: "http://elsewhere.example" }, 403, "other_origin"],
  ])("of %s", async (_, pool, headers, status, code) => {
    const answer = await post({ lose: 1 }, pool, headers);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { code } });
  });

  test("traffic that nobody makes here, and more or less than there may be", async () => {
    const none = await post({ traffic: 1.5 });
    expect([none.status, await none.json()]).toMatchObject([409, { error: { code: "not_simulated" } }]);
    for (const body of [{ pause: true }, { again: true }, { speed: 2 }, { jump: 1 }])
      expect((await post(body)).status).toBe(409);
    const player = new TrafficPlayer(new MadeUpTraffic("made up", () => []), 2, Number.POSITIVE_INFINITY);
    gateway.app.pools()[0].simulated?.simulation.beginTraffic(player);
    expect([(await post({ traffic: 1.5 })).status, player.state.factor]).toEqual([200, 1.5]);
    for (const value of [2.1, 0, -1, "1", null]) expect((await post({ traffic: value })).status).toBe(400);
    expect(player.state.factor).toBe(1.5);
  });

  test("a jump and a speed without a trace, and what is beside a trace", async () => {
    const message = async (body: object) => {
      const answer = await post(body);
      return [answer.status, ((await answer.json()) as { error: { message: string } }).error.message];
    };
    const made = "the traffic is made up as it goes";
    expect(await message({ jump: 5 })).toEqual([400, expect.stringContaining(`jump cannot be: ${made}`)]);
    expect(await message({ speed: 2 })).toEqual([400, expect.stringContaining(`speed cannot be: ${made}`)]);
    const { simulation } = gateway.app.pools()[0].simulated ?? expect.unreachable();
    const trace = new TraceTraffic(
      "chat.csv",
      [0, 10_000].map((arrivalMs) => ({ arrivalMs, inputTokens: 1, outputTokens: 1 })),
    );
    const player = new TrafficPlayer(trace, 2, Number.POSITIVE_INFINITY);
    simulation.beginTraffic(player);
    expect(await message({ jump: 10_001 })).toEqual([
      400,
      expect.stringContaining("jump is 10001; expected 0..10000, ms of the trace"),
    ]);
    expect((await message({ speed: 3 }))[1]).toContain("speed is 3; expected one of 0.5, 1, 2, 5");
    expect((await message({ pause: "yes" }))[1]).toContain('pause is "yes"; expected true or false');
    expect((await message({ again: false }))[1]).toContain("again is false; expected true");
    for (const body of [{ pause: true }, { speed: 5 }, { jump: 4000 }, { traffic: 1.5 }])
      expect((await post(body)).status).toBe(200);
    expect(await state()).toMatchObject({ traffic: { ...MADE, name: "chat.csv", paused: true } });
  });
});

test("the event stream says what was done, once for each change", async () => {
  const left = new AbortController();
  const response = await fetch(`${gateway.url}/ep/v1/events`, { signal: left.signal });
  let text = "";
  const read = (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  })().catch(() => {});
  const events = () =>
    [...text.matchAll(/^event: simulation\ndata: (.*)\n\n/gm)].map(([, data]) => JSON.parse(data) as object);
  const made = { ...MADE, name: "chat.csv", paused: true };
  const history = () => /^event: history\ndata: (.*)\n\n/m.exec(text)?.[1] ?? null;
  await expect.poll(() => history() !== null, patiently).toBe(true);
  const { simulations } = JSON.parse(history() ?? "") as { simulations: unknown };
  expect(simulations).toEqual([{ pool: "demo", traffic: made, shifts: 1, lost: [], slow: [] }]);
  for (const body of [{ lose: 2 }, { lose: 2 }, { restore: 2 }, { restore: 2 }]) await post(body);
  await post({ shift: true });
  await expect.poll(() => events().length, patiently).toBe(3);
  expect(events()).toEqual([
    { pool: "demo", traffic: made, shifts: 1, lost: [2], slow: [] },
    { pool: "demo", traffic: made, shifts: 1, lost: [], slow: [] },
    { pool: "demo", traffic: made, shifts: 2, lost: [], slow: [] },
  ]);
  left.abort();
  await read;
});

describe("who sends to whom", () => {
  interface Answer {
    readonly exchange: {
      readonly selectionsPerSecond: readonly number[][];
      readonly tokensPerSecond: readonly number[][] | null;
    } | null;
  }
  const ask = (pool: string) => fetch(`${gateway.url}/ep/v1/exchange/${pool}`);
  const exchange = async (pool: string) => ((await (await ask(pool)).json()) as Answer).exchange;
  const sum = (matrix: readonly number[][] = []) => matrix.flat().reduce((total, one) => total + one, 0);

  test("is counted where the pool is simulated", async () => {
    const body = JSON.stringify({ model: "small", prompt: "how deep does she lie", max_tokens: 3 });
    const counted = async () => {
      await (await fetch(`${gateway.url}/v1/completions`, { method: "POST", body })).arrayBuffer();
      return exchange("demo");
    };
    await expect
      .poll(counted, patiently)
      .toMatchObject({ by: "gpu", units: 4, basis: "counted", silent: [] });
    const { selectionsPerSecond, tokensPerSecond } = (await exchange("demo")) ?? {};
    expect(sum(selectionsPerSecond)).toBeGreaterThan(0);
    expect(sum(tokensPerSecond ?? [])).toBeLessThanOrEqual(sum(selectionsPerSecond));
  });

  test("is worked out where ranks report what they have routed", async () => {
    const logical_count = Array.from({ length: 6 }, () => Array.from({ length: 32 }, () => 10));
    const report = { pool: "real", rank: 2, windowMs: 1000, logical_count };
    const headers = { "content-type": "application/json" };
    const worked = async () => {
      await fetch(`${gateway.url}/ep/v1/load`, { method: "POST", headers, body: JSON.stringify(report) });
      return exchange("real");
    };
    const expected = {
      basis: "worked out",
      silent: [0, 1, 3],
      tokensPerSecond: null,
      nodeHopsPerToken: null,
    };
    await expect.poll(worked, patiently).toMatchObject(expected);
    const rows = (await exchange("real"))?.selectionsPerSecond ?? [];
    expect(rows.map((row) => Math.round(sum([row])))).toEqual([0, 0, 6 * 32 * 10, 0]);
  });

  test("is not to be had of a pool that there is not", async () => {
    expect((await ask("none")).status).toBe(404);
  });
});
