import { request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

const CLIENTS = 200;
const SETTINGS = `
upstream: { firstTokenTimeoutMs: 5000, idleTimeoutMs: 2500 }
health:
  probe: { intervalMs: 300, timeoutMs: 5000, lateMs: 500, unhealthyAfter: 2 }
  circuit: { openMs: 200 }
  slowStart: { durationMs: 500 }
`;

let engines: FakeServer[];
let gateway: RunningGateway;
beforeAll(async () => {
  engines = await Promise.all(Array.from({ length: 4 }, () => startOpenAiServer()));
  gateway = await startGateway(pool(engines));
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all(engines.map((engine) => engine.kill()));
});

function pool(of: readonly FakeServer[], policy = "expert-aware"): string {
  const urls = of.map(({ url }) => url).join(", ");
  return `${SETTINGS}\npools: [{ name: chat, kind: openai, policy: ${policy}, models: [small], urls: [${urls}] }]`;
}

/** How requests went. */
class Tally {
  whole = 0;
  /** Streams that said that they broke. */
  broken = 0;
  /** What else became of requests: none of it should. */
  readonly lost: string[] = [];
}

const messages = [{ role: "user", content: "word ".repeat(50) }];
/** So that all the streams are open at once, at little work: a busy machine would look like engines that fail. */
const frame_pause_ms = 200;

async function stream(tally: Tally, maxTokens: number): Promise<void> {
  const body = JSON.stringify({
    model: "small",
    stream: true,
    max_tokens: maxTokens,
    frame_pause_ms,
    messages,
  });
  try {
    const response = await request(`${gateway.url}/v1/chat/completions`, { method: "POST", body });
    const text = await response.body.text();
    const last = text.slice(text.lastIndexOf("data: "));
    if (response.statusCode !== 200) tally.lost.push(`${response.statusCode} ${text}`);
    else if (last === "data: [DONE]\n\n") tally.whole++;
    else if (last.startsWith('data: {"error":{') && last.endsWith("}}\n\n") && text !== last) tally.broken++;
    else tally.lost.push(text);
  } catch (error) {
    tally.lost.push(String((error as Error).cause ?? error));
  }
}

/** Keeps so many clients at it, one stream after the other, while `meanwhile` goes on. */
async function underLoad(tally: Tally, meanwhile: () => Promise<void>): Promise<void> {
  const enough = new AbortController();
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!enough.signal.aborted) await stream(tally, 8);
  });
  await meanwhile();
  enough.abort();
  await Promise.all(clients);
}

/** Waits until so many more streams have come to their end. */
async function after(tally: Tally, streams: number): Promise<void> {
  const enough = tally.whole + streams;
  await expect.poll(() => tally.whole, patiently).toBeGreaterThanOrEqual(enough);
}

interface State {
  readonly admission: { inFlight: number; queued: number };
  readonly pools: {
    shards: { requests: number; tokens: number; health: { ready: boolean; circuit: string } }[];
  }[];
}

async function state(): Promise<State> {
  return (await fetch(`${gateway.url}/admin/state`)).json() as Promise<State>;
}

async function restart(i: number): Promise<void> {
  await engines[i].kill();
  engines[i] = await startOpenAiServer(Number(new URL(engines[i].url).port));
}

function said(what: string): number {
  return gateway.notices.filter((line) => line.includes(what)).length;
}

test("engines that are killed, frozen and restarted under load lose no request that had no first byte", async () => {
  const tally = new Tally();
  await underLoad(tally, async () => {
    await after(tally, CLIENTS / 2);
    await engines[0].kill();
    await after(tally, CLIENTS / 2);
    expect(said("gets no requests")).toBeGreaterThanOrEqual(1);
    await restart(0);
    engines[1].freeze();
    await after(tally, CLIENTS / 2);
    await expect.poll(async () => (await state()).pools[0].shards[1].requests, patiently).toBe(0);
    engines[1].thaw();
    await restart(2);
    const circuits = async () => (await state()).pools[0].shards.map(({ health }) => health.circuit);
    await expect.poll(circuits, patiently).toEqual(engines.map(() => "closed"));
    const ready = async () => (await state()).pools[0].shards.every(({ health }) => health.ready);
    await expect.poll(ready, patiently).toBe(true);
    await after(tally, CLIENTS / 2);
  });
  expect(tally.lost).toEqual([]);
  expect(tally.broken).toBeGreaterThan(0);
  expect(said("serves again")).toBeGreaterThanOrEqual(1);
  const { admission, pools } = await state();
  expect(admission).toMatchObject({ inFlight: 0, queued: 0 });
  for (const { requests, tokens } of pools[0].shards) expect([requests, tokens]).toEqual([0, 0]);
});

test("a reload under load loses nothing", async () => {
  const tally = new Tally();
  const before = gateway.app.pools()[0];
  await underLoad(tally, async () => {
    await after(tally, CLIENTS / 2);
    await gateway.reload(pool(engines.slice(0, 3), "least-load"));
    await after(tally, CLIENTS / 2);
  });
  expect([tally.lost, tally.broken]).toEqual([[], 0]);
  expect(gateway.app.pools()).not.toContain(before);
  expect((await state()).pools[0].shards).toHaveLength(3);
});

test("stopping lets every stream finish", async () => {
  const tally = new Tally();
  const streams = Array.from({ length: CLIENTS }, () => stream(tally, 15));
  await expect.poll(async () => (await state()).admission.inFlight, patiently).toBe(CLIENTS);
  await gateway.stop();
  await Promise.all(streams);
  expect(tally).toEqual({ whole: CLIENTS, broken: 0, lost: [] });
});
