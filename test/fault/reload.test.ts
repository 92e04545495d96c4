import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, readConfig, startGateway } from "../../harness/fakes/start-gateway.ts";
import { startListingServer } from "../../harness/fakes/listing-server.ts";
import { type FakeServer, deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

let fakes: FakeServer[];
beforeAll(async () => {
  fakes = await Promise.all([startOpenAiServer(), startOpenAiServer()]);
});
afterAll(() => Promise.all(fakes.map((fake) => fake.kill())));

/** Two pools, of the models `a` and `b`; one request at a time. @param policy of the second, whose server is `second` */
function pools(policy: string, second = fakes[1].url): string {
  return `
admission: { total: { maxInFlight: 1 } }
health: { probe: { intervalMs: 200 } }
pools:
  - { name: a, kind: openai, models: [a], urls: [${fakes[0].url}] }
  - { name: b, kind: openai, models: [b], urls: [${second}], policy: ${policy} }`;
}

/** A request of `a` that is answered for long, and one of `b` that waits for its end to be admitted. */
async function oneWaits({
  url,
  app,
}: RunningGateway): Promise<{ other: Response; waiting: Promise<Response> }> {
  const post = (body: object) =>
    fetch(`${url}/v1/chat/completions`, { method: "POST", body: JSON.stringify(body) });
  const other = await post({ model: "a", stream: true, max_tokens: 100_000 });
  const waiting = post({ model: "b" });
  await expect.poll(() => app.gateway().deck.admission.queued, patiently).toBe(1);
  return { other, waiting };
}

test("a request that waits for admission while its pool is replaced is served", async () => {
  const gateway = await startGateway(pools("round-robin"));
  const { other, waiting } = await oneWaits(gateway);
  await gateway.reload(pools("least-load"));
  // A pool that nobody needs is closed within this time.
  await sleep(200);
  await other.body?.cancel();
  expect((await waiting).status).toBe(200);
  await gateway.stop();
});

test("a request that waits for admission while its servers are replaced goes to those there are then", async () => {
  const gateway = await startGateway(pools("round-robin"));
  const { other, waiting } = await oneWaits(gateway);
  const third = await startOpenAiServer();
  await gateway.reload(pools("round-robin", third.url));
  await other.body?.cancel();
  expect((await waiting).headers.get("x-plimsoll-shard")).toBe(`b/${third.url}`);
  await gateway.stop();
  await third.kill();
});

test("the pool that goes serves until the one that comes has a server", async () => {
  const gateway = await startGateway(pools("round-robin"));
  const port = Number(new URL(await deadUrl()).port);
  const before = gateway.app.gateway();
  const reloaded = gateway.reload(pools("round-robin", `http://127.0.0.1:${port}`));
  // Its first probe has failed by then.
  await sleep(200);
  expect(gateway.app.gateway()).toBe(before);
  const late = await startOpenAiServer(port);
  await reloaded;
  const response = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body: '{"model":"b"}' });
  expect([response.status, response.headers.get("x-plimsoll-shard")]).toEqual([200, `b/${late.url}`]);
  await gateway.stop();
  await late.kill();
});

test("of two reloads at once the later one stays", async () => {
  const gateway = await startGateway(pools("round-robin"));
  const port = Number(new URL(await deadUrl()).port);
  const waits = await readConfig(pools("round-robin", `http://127.0.0.1:${port}`));
  const stays = await readConfig(pools("least-load"));
  const reloads = [gateway.app.reload(waits), gateway.app.reload(stays)];
  const late = await startOpenAiServer(port);
  await Promise.all(reloads);
  const [, { engine }] = gateway.app.gateway().pools;
  expect(engine.shards.map(({ id }) => id)).toEqual([`b/${fakes[1].url}`]);
  await gateway.stop();
  await late.kill();
});

test("a request goes on to a pool of its model that a reload has replaced meanwhile", async () => {
  const first = await startListingServer({ id: "m" });
  first.hangs = ["/v1/completions"];
  const config = (policy: string) => `
health: { probe: { intervalMs: 200 } }
models: { m: { pools: [{ pool: a, weight: 1, header: { x-pool: a } }, { pool: b, weight: 1 }] } }
pools:
  - { name: a, kind: openai, models: [m], urls: [${first.url}] }
  - { name: b, kind: openai, models: [m], urls: [${fakes[1].url}], policy: ${policy} }`;
  const gateway = await startGateway(config("round-robin"));
  const answer = fetch(`${gateway.url}/v1/completions`, {
    method: "POST",
    body: '{"model":"m"}',
    headers: { "x-pool": "a" },
  });
  await expect.poll(() => gateway.app.gateway().pools[0].states.requests[0], patiently).toBe(1);
  const [, replaced] = gateway.app.gateway().pools;
  await gateway.reload(config("least-load"));
  expect(gateway.app.gateway().pools[1]).not.toBe(replaced);
  // A pool that nobody needs is closed within this time.
  await sleep(200);
  await first[Symbol.asyncDispose]();
  const { status, headers } = await answer;
  expect([status, headers.get("x-plimsoll-shard")]).toEqual([200, `b/${fakes[1].url}`]);
  expect(replaced.isNeeded).toBe(false);
  expect(replaced.line.flights).toBe(0);
  await gateway.stop();
});
