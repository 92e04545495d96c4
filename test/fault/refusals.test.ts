import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { compose } from "../../src/compose.ts";
import { Refused } from "../../src/serving/refusals.ts";
import { TrafficLog } from "../../src/serving/traffic/traffic-log.ts";
import { rawClient } from "../../harness/fakes/raw-client.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import {
  type RunningGateway,
  chatPool,
  readConfig,
  startGateway,
} from "../../harness/fakes/start-gateway.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

const BODY = '{"model":"small"}';
const LONG = "x".repeat(5000);

let engine: RecordingEngine;
let gateway: RunningGateway;
beforeAll(async () => {
  engine = await recordingEngine((_, response) => response.end("{}"));
  gateway = await startGateway(
    `http: { bodyLimitBytes: 100000, maxHeaderBytes: 16384 }\n${chatPool(engine.url)}`,
  );
});
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

/** What comes back for these bytes, on a connection of their own. */
async function answerTo(bytes: string): Promise<{ status: number; body: unknown }> {
  const { socket, closed } = await rawClient(gateway.url);
  socket.write(bytes, "latin1");
  const [headers, body] = (await closed).split("\r\n\r\n");
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1]), body: JSON.parse(body) };
}

function request(line: string, headers: readonly string[] = [], body = ""): string {
  const all = [
    "Host: x",
    "Connection: close",
    ...headers,
    ...(body === "" ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${line} HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n${body}`;
}

const JSON_TYPE = "Content-Type: application/json";

const refusals: [name: string, bytes: string, status: number, reason: string][] = [
  ["no route", request("GET /nowhere"), 404, "route_not_found"],
  [
    "no route, with a body of any type",
    request("POST /nowhere", ["Content-Type: text/odd"], BODY),
    404,
    "route_not_found",
  ],
  ["a route of endless length", request(`GET /${LONG}`), 404, "route_not_found"],
  ["an id of endless length", request(`GET /v1/responses/${LONG}`), 414, "target_too_long"],
  ["a path that is no UTF-8", request("GET /v1/models/%ff"), 400, "invalid_request"],
  [
    "a path that ends within an escape",
    request("POST /v1/chat/completions%", [], BODY),
    400,
    "invalid_request",
  ],
  ["a way up", request("GET /..%2f..%2fetc/passwd"), 404, "route_not_found"],
  ["a zero byte", request("GET /%00"), 404, "route_not_found"],
  ["another method", request("DELETE /v1/chat/completions"), 405, "method_not_allowed"],
  ["a method of WebDAV", request("PROPFIND /v1/models"), 404, "route_not_found"],
  ["a connection through", request("CONNECT elsewhere.example:443"), 404, "route_not_found"],
  ["a target that is none", request("OPTIONS nowhere"), 400, "invalid_request"],
  ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "invalid_request"],
  ["an expectation", request("POST /v1/completions", ["Expect: tea"], BODY), 417, "expectation_failed"],
  ["another protocol", request("GET /v1/realtime", ["Upgrade: websocket"]), 404, "route_not_found"],
  [
    "an unknown content type",
    request("POST /ep/v1/load", ["Content-Type: text/odd"], BODY),
    415,
    "unsupported_type",
  ],
  ["JSON that is none", request("POST /ep/v1/load", [JSON_TYPE], "{"), 400, "invalid_request"],
  ["JSON without end", request("POST /ep/v1/load", [JSON_TYPE], ""), 400, "invalid_request"],
  ["a prototype", request("POST /ep/v1/load", [JSON_TYPE], '{"__proto__":{"a":1}}'), 400, "invalid_request"],
  [
    "too large for operators too",
    request("POST /ep/v1/load", [JSON_TYPE], `"${"x".repeat(100_000)}"`),
    413,
    "body_too_large",
  ],
  ["no such model", request("POST /v1/completions", [], '{"model":"nope"}'), 404, "model_not_found"],
  [
    "no such model, by a name of endless length",
    request("POST /v1/completions", [], `{"model":"${LONG}"}`),
    400,
    "invalid_request",
  ],
  [
    "no such pool, by a name of endless length",
    request("POST /ep/v1/load", [JSON_TYPE], `{"pool":"${LONG}"}`),
    404,
    "pool_not_found",
  ],
  ["headers of endless length", request("GET /health", [`x: ${LONG.repeat(4)}`]), 431, "headers_too_large"],
  ["no HTTP", "nonsense\r\n\r\n", 400, "invalid_request"],
];

const ofModel = (name: string) => name.startsWith("no such model");

test.each(refusals)("%s: OpenAI's shape, of bounded length", async (name, bytes, status, reason) => {
  const answer = await answerTo(bytes);
  const message = expect.stringMatching(/^[^]{1,400}$/) as string;
  const type = expect.stringMatching(/_error$/) as string;
  expect(answer).toEqual({
    status,
    body: {
      error: { message, type, param: ofModel(name) ? "model" : null, code: reason, reason },
    },
  });
  // Words, no codes of libraries.
  expect(JSON.stringify(answer.body)).not.toMatch(/\b(?:HPE|ERR|FST|UND)_/);
});

test.each([
  [
    "no such model",
    request("POST /v1/messages", [], '{"model":"nope"}'),
    404,
    "not_found_error",
    "model_not_found",
  ],
  ["no body", request("POST /v1/messages/count_tokens"), 400, "invalid_request_error", "invalid_request"],
  [
    "too large",
    request("POST /v1/messages", [], `"${"x".repeat(100_001)}"`),
    413,
    "request_too_large",
    "body_too_large",
  ],
  [
    "compressed",
    request("POST /v1/messages", ["Content-Encoding: br"], BODY),
    415,
    "invalid_request_error",
    "unsupported_encoding",
  ],
  ["another method", request("GET /v1/messages"), 405, "invalid_request_error", "method_not_allowed"],
  [
    "no route below it",
    request("POST /v1/messages/batches", [], BODY),
    404,
    "not_found_error",
    "route_not_found",
  ],
  [
    "a path that is no UTF-8",
    request("POST /v1/messages/%ff"),
    400,
    "invalid_request_error",
    "invalid_request",
  ],
])("messages, %s: Anthropic's shape", async (_, bytes, status, type, reason) => {
  const answer = await answerTo(bytes);
  expect(answer).toMatchObject({
    status,
    body: {
      type: "error",
      error: { type, code: reason, reason },
      request_id: expect.stringMatching(/./) as string,
    },
  });
});

test("what cannot be read after an answer on the same connection is answered too", async () => {
  const { socket, text, closed } = await rawClient(gateway.url);
  socket.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  await expect.poll(text).toContain('{"status":"ok"}');
  socket.write("nonsense\r\n\r\n");
  expect((await closed).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
});

test("refusals before a pool is known are counted from 0", async () => {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('plimsoll_refused_total{pool="",reason="request_timeout"} 0\n');
});

test("refusals before a pool is known are counted by reason; operators' are not", async () => {
  const count = async (reason: string) => {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    const line = new RegExp(`^plimsoll_refused_total\\{pool="",reason="${reason}"\\} (\\d+)$`, "m").exec(
      metrics,
    );
    return Number(line?.[1] ?? 0);
  };
  const reasons = [
    "model_not_found",
    "invalid_request",
    "body_too_large",
    "route_not_found",
    "unsupported_encoding",
  ];
  const before = await Promise.all(reasons.map(count));
  const pools = await count("pool_not_found");
  await answerTo(request("POST /v1/completions", [], '{"model":"nope"}'));
  await answerTo(request("POST /v1/completions", [], "{"));
  await answerTo(request("POST /v1/completions", [], `"${"x".repeat(100_001)}"`));
  await answerTo(request("GET /nowhere"));
  await answerTo(request("POST /v1/completions", ["Content-Encoding: gzip"], BODY));
  await answerTo(request("POST /ep/v1/load", [JSON_TYPE], '{"pool":"nope"}'));
  expect(await Promise.all(reasons.map(count))).toEqual(before.map((number) => number + 1));
  expect(await count("pool_not_found")).toBe(pools);
});

test("a fault of the gateway's own says nothing of its inside to the client, and all to the log", async () => {
  const lines: string[] = [];
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((line) => {
    lines.push(String(line));
    return true;
  });
  const loud = await startGateway(chatPool(engine.url), { PLIMSOLL_HTTP_LOG_LEVEL: "error" });
  const inside = "the inside\u001b[31m\nof\u009b it";
  vi.spyOn(loud.app.gateway(), "send").mockImplementation(() => {
    throw new TypeError(inside);
  });
  vi.spyOn(loud.app.gateway(), "models").mockRejectedValue(new TypeError(inside));
  const headers = { "x-request-id": "the-request" };
  for (const [path, method, body] of [
    ["/v1/completions", "POST", BODY],
    ["/v1/messages", "POST", BODY],
    ["/v1/models", "GET", null],
  ] as const) {
    lines.length = 0;
    const response = await fetch(loud.url + path, { method, body, headers });
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).toContain("its log says why");
    expect(text).not.toContain("inside");
    expect(lines.length).toBe(1);
    expect(lines[0]).toMatch(/^\P{Cc}+\n$/u);
    expect(JSON.parse(lines[0])).toMatchObject({ request_id: "the-request", err: { message: inside } });
  }
  stderr.mockRestore();
  await loud.stop();
});

test("an error after the answer began breaks it off, and ends nothing else", async () => {
  vi.spyOn(gateway.app.gateway(), "send").mockImplementationOnce((_facts, _request, client) => {
    client.headers({ status: 200, headers: ["content-length", "9"], kvUse: null }, "a", 0);
    throw new Refused("stopping", "late", 1);
  });
  await expect(
    fetch(`${gateway.url}/v1/completions`, { method: "POST", body: BODY }).then((response) =>
      response.text(),
    ),
  ).rejects.toThrow("fetch failed");
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
});

/** A worker of a primary that listens there. */
async function workerOf(operatorSocket: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const worker = await compose(await readConfig(chatPool(engine.url)), {
    routing: null,
    recordTokens: 0,
    onFault: () => {},
    onNotice: () => {},
    follows: {
      operatorSocket,
      traffic: new TrafficLog(),
      captureSalt: new Uint8Array(16),
      onOwnNotice: () => {},
      refreshModels: async () => {},
    },
  });
  return { url: (await worker.start()).url, stop: () => worker.stop() };
}

test("a worker whose primary is gone says so", async () => {
  const worker = await workerOf("/nowhere/operator.sock");
  const response = await fetch(`${worker.url}/admin/state`, { headers: { "x-request-id": "one" } });
  expect([response.status, await response.json()]).toMatchObject([
    503,
    { error: { reason: "primary_unreachable" } },
  ]);
  expect(response.headers.get("x-request-id")).toBe("one");
  expect((await fetch(`${worker.url}/v1/chat/completions`)).status).toBe(405);
  await worker.stop();
});

test("a primary that dies in the midst of its answer is a connection that breaks off", async () => {
  await using folder = await scratchFolder();
  const socket = await folder.write("operator.sock", "");
  await rm(socket);
  const primary = createServer((_, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  }).listen(socket);
  await once(primary, "listening");
  const worker = await workerOf(socket);
  const response = await fetch(`${worker.url}/admin/state`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow("terminated");
  await worker.stop();
  primary.close();
});

test("a worker says to its primary who has connected, whatever the client says", async () => {
  await using folder = await scratchFolder();
  const socket = await folder.write("operator.sock", "");
  await rm(socket);
  const primary = createServer(({ headers }, response) => response.end(headers["x-plimsoll-peer"])).listen(
    socket,
  );
  await once(primary, "listening");
  const worker = await workerOf(socket);
  for (const headers of [{}, { "x-plimsoll-peer": "10.0.0.9" }, { "X-Plimsoll-Peer": "" }]) {
    const response = await fetch(`${worker.url}/admin/state`, { headers });
    expect(await response.text()).toBe("127.0.0.1");
  }
  await worker.stop();
  primary.close();
});
