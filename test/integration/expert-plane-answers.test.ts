import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

/** What changes nothing, on one gateway. */
let fake: FakeServer;
let gateway: RunningGateway;
beforeAll(async () => {
  fake = await startOpenAiServer();
  gateway = await startGateway(`
pools:
  - name: chat
    kind: openai
    models: [small]
    urls: [${fake.url}]
    experts: { model: deepseek-v3, topology: ep32 }
`);
  const published = async () => expect((await get("/ep/v1/placement/chat")).status).toBe(200);
  await vi.waitFor(published, patiently);
});
afterAll(async () => {
  await gateway.stop();
  await fake.kill();
});

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(gateway.url + path, { headers });
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
}

test("shares come with their epoch as the tag, and are not sent twice", async () => {
  const response = await get("/ep/v1/shares/chat");
  expect(response.headers.get("etag")).toBe('"1"');
  const { shares, prices } = (await response.json()) as { shares: number[][]; prices: number[][] };
  expect([shares.length, shares[0].length, prices.length, prices[0].length]).toEqual([58, 288, 58, 32]);
  const again = await get("/ep/v1/shares/chat", { "if-none-match": '"1"' });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  const published = await get("/ep/v1/placement/chat", { "if-none-match": '"1-1"' });
  expect(published.status).toBe(304);
});

test.each([
  ["/ep/v1/load", { pool: "none" }, 404, "pool_not_found"],
  ["/ep/v1/load", [], 400, "invalid_request"],
  ["/ep/v1/load", { pool: "chat", windowMs: 1, logical_count: [] }, 400, "invalid_request"],
  ["/ep/v1/acks", { pool: "chat", rank: 0 }, 400, "invalid_request"],
  ["/ep/v1/acks", { pool: "chat", epoch: 9, rank: 0 }, 409, "epoch_not_pending"],
  ["/ep/v1/acks", { pool: "chat", epoch: 9, rank: 32 }, 400, "invalid_request"],
  ["/ep/v1/acks", { pool: "chat", epoch: 9, rank: 0, incarnation: "x" }, 400, "invalid_request"],
  ["/ep/v1/ranks", { pool: "chat", state: "ready", rank: 0, incarnation: 0.5 }, 400, "invalid_request"],
])("POST %s %j is refused with %i", async (path, body, status, code) => {
  const response = await post(path, body);
  expect([response.status, await response.json()]).toMatchObject([status, { error: { code } }]);
});
