import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL, modelLike, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { patiently } from "../patiently.ts";

let fakes: FakeServer[];
let folder: ScratchFolder;
let group: string;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = await scratchFolder();
  group = await smallGroup(folder);
  fakes = await Promise.all(Array.from({ length: 5 }, () => startOpenAiServer()));
});
afterAll(async () => {
  await Promise.all(fakes.map((fake) => fake.kill()));
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  gateway = await startGateway(config({}));
});
afterEach(() => gateway.stop());

interface Wanted {
  /** Servers of `chat`. */
  readonly servers?: number;
  readonly sharesMs?: number;
  /** More of `control`. */
  readonly control?: string;
  readonly more?: string;
  readonly settings?: string;
  /** Whether there is a pool `extra` that has experts too. */
  readonly extra?: boolean;
  readonly chat?: boolean;
}

/** `chat` has experts, `plain` has none. */
function config({
  servers = 2,
  sharesMs = 40,
  control = "",
  more = "",
  settings = "",
  extra = false,
  chat = true,
}: Wanted): string {
  const urls = (count: number) =>
    fakes
      .slice(0, count)
      .map(({ url }) => url)
      .join(", ");
  const experts = `experts: ${group}`;
  return `
control: { sharesMs: ${sharesMs}, placementMs: 100000${control} }
health: { probe: { intervalMs: 200 } }
${settings}
pools:
  - { name: plain, kind: openai, models: [plain], urls: [${fakes[3].url}] }
${chat ? `  - { name: chat, kind: openai, models: [small], urls: [${urls(servers)}], policy: cache-aware, ${experts} ${more} }` : ""}
${extra ? `  - { name: extra, kind: openai, models: [extra], urls: [${fakes[4].url}], ${experts} }` : ""}
`;
}

function poolOf(name: string) {
  const pool = gateway.app.pools().find((one) => one.name === name);
  if (pool === undefined) throw new Error(`no pool ${name}`);
  return pool;
}

function loopOf(name: string) {
  const loop = poolOf(name).controlled?.loop;
  if (loop === undefined) throw new Error(`pool ${name} has no loop`);
  return loop;
}

async function shardFor(prompt: string): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "small", prompt, max_tokens: 1 }),
  });
  expect(response.status).toBe(200);
  await response.text();
  return response.headers.get("x-plimsoll-shard") ?? "";
}

async function reportLoad(pool: string, factor: number, rank?: number): Promise<number> {
  const row = Array.from({ length: SMALL_MODEL.experts }, (_, e) => (e === 0 ? factor * 100 : 100));
  const response = await fetch(`${gateway.url}/ep/v1/load`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      pool,
      ...(rank === undefined ? { windowMs: 1000 } : { rank, windowMs: 10 }),
      logical_count: Array.from({ length: SMALL_MOE_LAYERS }, () => row),
    }),
  });
  return response.status;
}

/** What the event stream says from now on, as it says it. */
async function listen() {
  const stop = new AbortController();
  const response = await fetch(`${gateway.url}/ep/v1/events`, { signal: stop.signal });
  const events: { event: string; pool?: string; epoch?: number; loadLine?: number }[] = [];
  const readAll = async () => {
    const stream = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream() as never)
      .pipeThrough(new EventSourceParserStream());
    for await (const { event, data } of stream as unknown as AsyncIterable<{ event: string; data: string }>)
      events.push({ ...(JSON.parse(data) as object), event });
  };
  const ended = readAll().catch(() => {});
  const close = async () => {
    stop.abort();
    await ended;
  };
  return { events, close };
}

function waitForShares(pool: string, tag: string): Promise<Response> {
  return fetch(`${gateway.url}/ep/v1/shares/${pool}?wait=60`, { headers: { "if-none-match": tag } });
}

test("what does not concern a pool leaves it untouched, settings of its kind of pool too", async () => {
  const [plain, chat] = [poolOf("plain"), poolOf("chat")];
  await gateway.reload(config({ settings: "admission: { total: { maxInFlight: 7 } }", sharesMs: 41 }));
  expect(poolOf("plain")).toBe(plain);
  expect(poolOf("chat")).not.toBe(chat);
  const same = poolOf("chat");
  await gateway.reload(
    config({ settings: "upstream: { resolveMs: 12345 }\nretry: { maxAttempts: 2 }", sharesMs: 41 }),
  );
  expect([poolOf("plain"), poolOf("chat")]).toEqual([plain, same]);
  expect(gateway.app.gateway().deck.retry.maxAttempts).toBe(2);
});

test("other servers leave the loop as it is, and those that stay keep what was learned of them", async () => {
  const loop = loopOf("chat");
  const before = poolOf("chat").front;
  const homes = new Map<string, string>();
  await expect
    .poll(async () => {
      const prompt = `${homes.size}`.repeat(4000);
      homes.set(prompt, await shardFor(prompt));
      return new Set(homes.values()).size;
    }, patiently)
    .toBe(2);
  await fakes[1].kill();
  // One that fails is known to fail afterwards.
  await expect.poll(() => before.health.view(1), patiently).toMatchObject({ ready: false });
  await gateway.reload(config({ servers: 3 }));
  const after = poolOf("chat").front;
  expect(after).not.toBe(before);
  expect(loopOf("chat")).toBe(loop);
  expect(loop.totals.terms).toBe(1);
  expect(after.snapshot).toBe(loop.snapshot());
  expect([...after.states.ready]).toEqual([1, 0, 1]);
  const first = `chat/${fakes[0].url}`;
  for (const [prompt, home] of homes) if (home === first) expect(await shardFor(prompt)).toBe(first);
  fakes[1] = await startOpenAiServer(Number(new URL(fakes[1].url).port));
});

test("requests in flight on servers that stay count, and end, where the pool goes on", async () => {
  const begun = await Promise.all(
    [1, 2, 3].map(() =>
      fetch(`${gateway.url}/v1/completions`, {
        method: "POST",
        body: JSON.stringify({ model: "small", prompt: "p", stream: true, max_tokens: 100_000 }),
      }),
    ),
  );
  await gateway.reload(config({ servers: 3 }));
  const { states } = poolOf("chat").front;
  const sum = () => states.requests.reduce((all, one) => all + one, 0);
  expect([sum(), states.requests[2]]).toEqual([3, 0]);
  await Promise.all(begun.map(async ({ body }) => body?.cancel()));
  await expect.poll(sum, patiently).toBe(0);
  expect([...states.tokens, ...states.prefillTokens]).toEqual([0, 0, 0, 0, 0, 0]);
});

test("a loop with other settings begins when the one before has ended; followers go on", async () => {
  const loop = loopOf("chat");
  const { front } = poolOf("chat");
  const { view } = loop;
  const { events, close } = await listen();
  const waits = waitForShares("chat", `"${loop.snapshot().epoch}"`);
  const led: boolean[] = [];
  const look = setInterval(
    () => led.push(loop.leading && loopOf("chat").leading && loop !== loopOf("chat")),
    1,
  );
  await gateway.reload(config({ sharesMs: 20 }));
  clearInterval(look);
  const next = loopOf("chat");
  expect(next).not.toBe(loop);
  expect([next.view, poolOf("chat").front]).toEqual([view, front]);
  expect([loop.leading, next.leading, led.includes(true)]).toEqual([false, true, false]);

  const { epoch } = next.snapshot();
  await expect
    .poll(async () => {
      expect(await reportLoad("chat", 30)).toBe(202);
      return next.snapshot().epoch;
    }, patiently)
    .toBeGreaterThan(epoch);
  const answer = await waits;
  expect(answer.status).toBe(200);
  expect(Number(answer.headers.get("etag")?.replaceAll('"', ""))).toBeGreaterThan(epoch);
  await answer.text();
  await expect
    .poll(() => events.some((one) => one.event === "epoch" && (one.epoch ?? 0) > epoch), patiently)
    .toBe(true);
  expect(front.snapshot).toBe(next.snapshot());
  const seen = events.filter(({ event, pool }) => event === "epoch" && pool === "chat");
  expect(seen.map((one) => one.epoch)).toEqual(
    seen.map((one) => one.epoch).toSorted((a = 0, b = 0) => a - b),
  );
  expect(gateway.faults).toEqual([]);
  await close();
});

test("a reload that changes only what is judged by, and limits of rollouts, leaves the leader its term", async () => {
  const loop = loopOf("chat");
  const { events, close } = await listen();
  await gateway.reload(config({ control: ", rankSilenceMs: 3600000" }));
  await gateway.reload(config({ control: ", loadLine: 1.5, rankSilenceMs: 100" }));
  expect([loopOf("chat"), loop.leading, loop.totals.terms]).toEqual([loop, true, 1]);
  const line = () => events.filter(({ event }) => event === "state").map((one) => one.loadLine);
  await expect.poll(line, patiently).toEqual([1.5]);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(/^plimsoll_pool_load_line.* (\S+)$/m.exec(metrics)?.[1]).toBe("1.5");
  // Three ranks report, and one of them no more.
  const report = (rank: number) => reportLoad("chat", 1, rank);
  expect(await Promise.all([0, 1, 2].map(report))).toEqual([202, 202, 202]);
  await expect
    .poll(async () => {
      await Promise.all([0, 1].map(report));
      return loop.view.operatorState.lost;
    }, patiently)
    .toEqual([{ rank: 2, how: "silent" }]);
  expect(loop.totals.terms).toBe(1);
  await close();
});

test("a pool that a reload adds appears on open streams, one that it removes is said to be gone", async () => {
  const { events, close } = await listen();
  await gateway.reload(config({ extra: true }));
  const has = (event: string, pool: string) => events.some((one) => one.event === event && one.pool === pool);
  await expect.poll(() => has("epoch", "extra"), patiently).toBe(true);
  await expect
    .poll(async () => {
      expect(await reportLoad("extra", 3)).toBe(202);
      return has("report", "extra");
    }, patiently)
    .toBe(true);

  const { epoch } = loopOf("chat").snapshot();
  const listens = vi.spyOn(loopOf("chat").view, "onChange");
  const waits = waitForShares("chat", `"${epoch}"`);
  await expect.poll(() => listens.mock.calls.length, patiently).toBe(1);
  await gateway.reload(config({ extra: true, chat: false }));
  await expect.poll(() => has("gone", "chat"), patiently).toBe(true);
  expect((await waits).status).toBe(404);
  expect(await reportLoad("chat", 3)).toBe(404);
  const { events: history, close: closeNew } = await listen();
  await expect.poll(() => history.length, patiently).toBeGreaterThan(0);
  expect(JSON.stringify(history[0])).not.toContain('"pool":"chat"');

  await gateway.reload(config({ extra: true }));
  await expect.poll(() => loopOf("chat").leading, patiently).toBe(true);
  expect(loopOf("chat").snapshot().epoch).toBeGreaterThanOrEqual(epoch);
  const gone = events.findIndex((one) => one.event === "gone");
  await expect
    .poll(() => events.slice(gone).some((one) => one.event === "epoch" && one.pool === "chat"), patiently)
    .toBe(true);
  await Promise.all([close(), closeNew()]);
});

test("a reload that fails halfway leaves everything as it was", async () => {
  const pools = gateway.app.pools();
  const loop = loopOf("chat");
  // 1 MiB holds two rows of it, and a sketch of requests' experts needs three.
  const model = await folder.write(
    "large.yaml",
    stringify(modelLike(SMALL_MODEL, { name: "large", layers: 101, denseLayers: 1, experts: 1024 })),
  );
  const topology = await folder.write(
    "large-topology.yaml",
    stringify({ nodes: 1, gpusPerNode: 2, slotsPerGpu: 520 }),
  );
  const large = `  - { name: large, kind: openai, models: [large], urls: [${fakes[2].url}], policy: expert-aware, experts: { model: ${model}, topology: ${topology} } }`;
  const settings = "routing: { expertSketchBytes: 1048576 }";
  const wanted = config({ sharesMs: 20, extra: true, settings }) + large;
  await expect(gateway.reload(wanted)).rejects.toThrow(/a sketch needs 3/);
  expect(gateway.app.pools()).toBe(pools);
  expect([loopOf("chat"), loop.leading]).toEqual([loop, true]);
  expect(await shardFor("hello")).toMatch(/^chat/);
  // What was opened before it failed takes nothing away from what goes on.
  const { epoch } = loop.snapshot();
  await expect
    .poll(async () => {
      expect(await reportLoad("chat", 30)).toBe(202);
      return loop.snapshot().epoch;
    }, patiently)
    .toBeGreaterThan(epoch);
  expect(poolOf("chat").front.snapshot).toBe(loop.snapshot());
  expect(gateway.faults).toEqual([]);
});

test("a reload while the gateway stops is refused", async () => {
  const loop = loopOf("chat");
  const stopped = gateway.app.stop();
  await expect(gateway.reload(config({ servers: 3 }))).rejects.toThrow("the gateway is stopping");
  await stopped;
  expect(loop.leading).toBe(false);
});
