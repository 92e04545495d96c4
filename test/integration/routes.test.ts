import { gzipSync } from "node:zlib";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { rawClient } from "../../harness/fakes/raw-client.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";

const BODY = '{"model":"small"}';

let engine: RecordingEngine;
let gateway: RunningGateway;
beforeAll(async () => {
  engine = await recordingEngine(({ method, url }, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ method, url }));
  });
  gateway = await startGateway(chatPool(engine.url));
});
beforeEach(() => engine.clear());
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

function ask(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(gateway.url + path, { method, ...init });
}

async function reason(response: Response): Promise<unknown> {
  return ((await response.json()) as { error: { reason: unknown } }).error.reason;
}

test.each([
  ["GET", "/v1/responses/resp_1?include=a&include=b"],
  ["DELETE", "/v1/responses/resp_1"],
  ["POST", "/v1/responses/resp_1/cancel"],
  ["GET", "/v1/responses/resp_1/input_items?limit=2"],
])("%s %s reaches an engine without a body, and its answer the client", async (method, path) => {
  const response = await ask(method, path);
  expect([response.status, await response.json()]).toEqual([200, { method, url: path }]);
  expect(engine.recorded.map(({ body }) => body.length)).toEqual([0]);
});

test("an id is decoded and written anew; dots are none", async () => {
  await ask("GET", "/v1/%72esponses/a%2fb%20%E4%B8%AD#x");
  expect(engine.recorded.map(({ url }) => url)).toEqual(["/v1/responses/a%2Fb%20%E4%B8%AD"]);
  for (const path of ["/v1/responses/", "/v1/responses/%2e%2e%2fx/y/z", "/v1/responses//cancel"])
    expect(await reason(await ask("DELETE", path))).toBe("route_not_found");
  expect(engine.recorded.length).toBe(1);
});

test.each(["/v1/models", "/v1/models/small", "/v1/responses/r1", "/health"])(
  "HEAD %s is GET without the body",
  async (path) => {
    const [got, head] = [await ask("GET", path), await ask("HEAD", path)];
    expect([got.status, head.status, await head.text()]).toEqual([200, 200, ""]);
    expect(head.headers.get("content-length") ?? "").toBe(got.headers.get("content-length") ?? "");
    expect(engine.recorded.every(({ method }) => method === "GET")).toBe(true);
  },
);

test.each([
  ["GET", "/v1/chat/completions", "POST"],
  ["HEAD", "/v1/chat/completions", "POST"],
  ["OPTIONS", "/v1/chat/completions", "POST"],
  ["PUT", "/v1/responses/r1", "GET, HEAD, DELETE"],
  ["GET", "/v1/responses/r1/cancel", "POST"],
  ["POST", "/metrics", "GET, HEAD"],
  ["POST", "/metrics/experts", "GET, HEAD"],
  ["GET", "/ep/v1/solve", "POST"],
  ["HEAD", "/ep/v1/events", "GET"],
])("%s %s is 405, and %s allowed", async (method, path, allowed) => {
  const response = await ask(method, path);
  const allow = (response.headers.get("allow") ?? "").split(", ");
  expect([response.status, allow.toSorted()]).toEqual([405, allowed.split(", ").toSorted()]);
  if (method !== "HEAD") expect(await reason(response)).toBe("method_not_allowed");
});

test.each([
  "//v1/chat/completions",
  "/v1//chat/completions",
  "/v1/chat/completions/",
  "/V1/chat/completions",
  "/v1%2Fchat/completions",
  "/v1/chat/completions%3F",
  "/v1/chat/completions;x",
  "//v1/models",
  "/v1/models/",
])("%s is no route, whatever is asked of it", async (path) => {
  for (const method of ["POST", "GET"]) {
    const response = await ask(method, path, method === "POST" ? { body: BODY } : {});
    expect([response.status, await reason(response)]).toEqual([404, "route_not_found"]);
  }
  expect(engine.recorded).toEqual([]);
});

test("a body without a route is not waited for, and its connection ends", async () => {
  const { socket, closed } = await rawClient(gateway.url);
  socket.write(
    "POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-type: text/odd\r\ncontent-length: 1000\r\n\r\nx",
  );
  expect(await closed).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
});

test.each(["gzip", "deflate", "br", "zstd", "x-gzip", "GZIP", "gzip, identity"])(
  "a body in %s is refused, on every route that reads one",
  async (encoding) => {
    const headers = { "content-encoding": encoding, "content-type": "application/json" };
    for (const path of [
      "/v1/chat/completions",
      "/v1/audio/transcriptions",
      "/v1/messages",
      "/ep/v1/load",
      "/ep/v1/solve",
    ]) {
      const response = await ask("POST", path, { headers, body: gzipSync(BODY) });
      expect([response.status, await reason(response)]).toEqual([415, "unsupported_encoding"]);
    }
    expect(engine.recorded).toEqual([]);
  },
);

test("a body as it is may say so", async () => {
  const response = await ask("POST", "/v1/completions", {
    headers: { "content-encoding": "identity" },
    body: BODY,
  });
  expect([response.status, engine.recorded[0].body.toString()]).toEqual([200, BODY]);
});

test("the client's rank is the gateway's to read", async () => {
  const headers = { "x-data-parallel-rank": "0" };
  expect((await ask("POST", "/v1/completions", { headers, body: BODY })).status).toBe(200);
  expect(Object.keys(engine.recorded[0].headers)).not.toContain("x-data-parallel-rank");
  const other = await ask("POST", "/v1/completions", {
    headers: { "x-data-parallel-rank": "1" },
    body: BODY,
  });
  expect(await reason(other)).toBe("no_such_rank");
});

test("a gateway in front of a gateway says who answered, and which request, once", async () => {
  const outer = await startGateway(chatPool(gateway.url));
  const response = await fetch(`${outer.url}/v1/completions`, { method: "POST", body: BODY });
  // Repeated headers come joined by a comma.
  expect(response.headers.get("x-plimsoll-shard")).toBe(`chat/${gateway.url}`);
  expect(response.headers.get("x-plimsoll-epoch")).toBe("0");
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  expect(engine.recorded[0].headers["x-request-id"]).toBe(response.headers.get("x-request-id"));
  await outer.stop();
});

test("OpenAI's client: a response is read, cancelled and deleted, and its input listed", async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "secret", maxRetries: 0 });
  await client.responses.retrieve("resp_1", { include: ["reasoning.encrypted_content"] });
  await client.responses.cancel("resp_1");
  await client.responses.delete("resp_1");
  await client.responses.inputItems.list("resp_1", { limit: 2 });
  expect(engine.recorded.map(({ method, url }) => `${method} ${url.split("?", 1)[0]}`)).toEqual([
    "GET /v1/responses/resp_1",
    "POST /v1/responses/resp_1/cancel",
    "DELETE /v1/responses/resp_1",
    "GET /v1/responses/resp_1/input_items",
  ]);
});
