import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";

let fakes: FakeServer[];
let gateway: RunningGateway;
beforeAll(async () => {
  fakes = await Promise.all([startOpenAiServer(), startOpenAiServer()]);
  gateway = await startGateway(chatPool(fakes[0].url, fakes[1].url), {
    PLIMSOLL_HTTP_BODY_LIMIT_BYTES: "10000",
    // The default leaves a choice to chance where shards carry nearly the same.
    PLIMSOLL_ROUTING_POLICY: "least-load",
  });
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all(fakes.map((fake) => fake.kill()));
});

function post(path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(gateway.url + path, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

async function seen() {
  return (await Promise.all(fakes.map((fake) => fake.seen()))).flat();
}

test("a stream arrives byte for byte as the engine sent it", async () => {
  const body = JSON.stringify({ model: "small", stream: true, max_tokens: 10 });
  const [direct, proxied] = await Promise.all(
    [fakes[0].url, gateway.url].map(async (url) =>
      (await fetch(`${url}/v1/chat/completions`, { method: "POST", body })).text(),
    ),
  );
  expect(proxied).toBe(direct);
  expect(proxied.endsWith("data: [DONE]\n\n")).toBe(true);
});

test("a proxy in front is asked not to hold back a stream, and nothing of other answers", async () => {
  const asked = [true, false].map(async (stream) => {
    const body = JSON.stringify({ model: "small", stream, max_tokens: 2 });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", body });
    await response.text();
    return response.headers.get("x-accel-buffering");
  });
  expect(await Promise.all(asked)).toEqual(["no", null]);
});

test("a body reaches the engine byte for byte", async () => {
  const body = '{ "model" : "small", "n": 1.0, "s": "\\u00e9é" }';
  await post("/v1/completions", body);
  const sha256 = createHash("sha256").update(body).digest("hex");
  expect((await seen()).map((request) => request.bodySha256)).toContain(sha256);
});

test.each([
  ["", "The body must be a JSON object.", null],
  ["{", "The body is not valid JSON: expected a field's name at byte 1.", null],
  ['{"model": "small" 1}', "The body is not valid JSON: expected a comma at byte 18.", null],
  ['{"model": "sma\\xll"}', "The body is not valid JSON: the string at byte 10 has an unknown escape.", null],
  ["[]", "The body must be a JSON object.", null],
  ["null", "The body must be a JSON object.", null],
  ['{"model": 3}', "`model` must be a non-empty string.", "model"],
  ['{"model": ["small"]}', "`model` must be a non-empty string.", "model"],
])("the body %j gets 400 in OpenAI's shape", async (body, message, param) => {
  const response = await post("/v1/chat/completions", body);
  expect([response.status, await response.json()]).toEqual([
    400,
    {
      error: {
        message,
        type: "invalid_request_error",
        param,
        code: "invalid_request",
        reason: "invalid_request",
      },
    },
  ]);
});

test("a body that names no model means the only one there is", async () => {
  const response = await post("/v1/chat/completions", "{}");
  expect([response.status, await response.json()]).toMatchObject([200, { object: "chat.completion" }]);
});

test("a body over the limit gets 413, an unknown route 404, an unknown model 404", async () => {
  const large = await post(
    "/v1/chat/completions",
    JSON.stringify({ model: "small", pad: "x".repeat(10_000) }),
  );
  expect([large.status, await large.json()]).toMatchObject([413, { error: { code: "body_too_large" } }]);
  const nowhere = await fetch(`${gateway.url}/v1/nowhere`);
  expect([nowhere.status, await nowhere.json()]).toMatchObject([404, { error: { code: "route_not_found" } }]);
  const unknown = await post("/v1/chat/completions", '{"model":"large"}');
  expect([unknown.status, await unknown.json()]).toMatchObject([
    404,
    { error: { code: "model_not_found", param: "model" } },
  ]);
});

test("a sane request id is kept and passed on, any other replaced", async () => {
  const own = await post("/v1/chat/completions", '{"model":"small"}', { "x-request-id": "abc-1" });
  expect(own.headers.get("x-request-id")).toBe("abc-1");
  expect((await seen()).map((request) => request.headers["x-request-id"])).toContain("abc-1");
  const refused = await post("/v1/chat/completions", "{", { "x-request-id": "abc-2" });
  expect(refused.headers.get("x-request-id")).toBe("abc-2");
  const large = await post("/v1/chat/completions", "x".repeat(20_000), { "x-request-id": "abc-3" });
  expect([large.status, large.headers.get("x-request-id")]).toEqual([413, "abc-3"]);
  const odd = await post("/v1/chat/completions", '{"model":"small"}', { "x-request-id": "x".repeat(200) });
  expect(odd.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
});

test("concurrent requests spread over the shards", async () => {
  // None is over before the last is sent.
  const body = JSON.stringify({ model: "small", stream: true, max_tokens: 50, frame_pause_ms: 10 });
  const responses = await Promise.all(Array.from({ length: 10 }, () => post("/v1/chat/completions", body)));
  const shards = responses.map((response) => response.headers.get("x-plimsoll-shard"));
  await Promise.all(responses.map((response) => response.text()));
  expect(fakes.map((fake) => shards.filter((shard) => shard === `chat/${fake.url}`).length)).toEqual([5, 5]);
});

test("health, readiness, state and metrics", async () => {
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
  const state = await (await fetch(`${gateway.url}/admin/state`)).json();
  expect(state).toMatchObject({
    admission: { inFlight: 0 },
    pools: [
      {
        pool: "chat",
        models: ["small"],
        epoch: 0,
        shards: fakes.map((fake) => ({ id: `chat/${fake.url}`, requests: 0, tokens: 0 })),
      },
    ],
  });
  const metrics = await fetch(`${gateway.url}/metrics`);
  expect(metrics.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  const text = await metrics.text();
  expect(text).toMatch(/^plimsoll_requests_total\{pool="chat",outcome="ok"\} \d+$/m);
  expect(text).toMatch(/^plimsoll_ttft_seconds_bucket\{pool="chat",le="0.01"\} \d+$/m);
  expect(text).toContain(`plimsoll_shard_requests_in_flight{pool="chat",shard="chat/${fakes[0].url}"} 0`);
});

test("the event stream begins with the history and reports the traffic", async () => {
  const abort = new AbortController();
  const response = await fetch(`${gateway.url}/ep/v1/events`, { signal: abort.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  for await (const piece of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(piece).toString();
    if (/event: traffic\ndata: .*\n\n/.test(text)) break;
  }
  const history = JSON.parse(/^event: history\ndata: (.*)\n\n/.exec(text)?.[1] ?? "") as unknown;
  expect(history).toEqual({
    atMs: expect.any(Number) as number,
    gateway: { gateway: expect.any(String) as string, store: { name: "memory", fault: null } },
    epochs: [],
    reports: [],
    latest: [],
    states: [],
    decisions: [],
    simulations: [],
  });
  const traffic = JSON.parse(/event: traffic\ndata: (.*)\n\n/.exec(text)?.[1] ?? "") as unknown;
  expect(traffic).toMatchObject({ inFlight: 0, failed: 0, ttftMs: { p50: expect.any(Number) as number } });
});

test("the expert plane of a pool without one is not found", async () => {
  const response = await fetch(`${gateway.url}/ep/v1/shares/chat`);
  expect([response.status, await response.json()]).toMatchObject([
    404,
    { error: { code: "pool_not_found" } },
  ]);
});
