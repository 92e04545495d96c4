import { type IncomingMessage, request as ask } from "node:http";
import { json } from "node:stream/consumers";
import fc from "fast-check";
import { fastify } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rawClient } from "../../harness/fakes/raw-client.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { BodyMemory } from "../../src/http/body-memory.ts";
import { controlBodies } from "../../src/http/control-body.ts";
import { errorAnswer } from "../../src/http/errors.ts";
import { patiently } from "../patiently.ts";
import { runs } from "../runs.ts";

const LAYERS = 58;
const EXPERTS = 256;
const KEY = "s3cr3t-operator-key";
const LIMIT = 64 * 1024;

let engine: RecordingEngine;
let gateway: RunningGateway;
let keyed: RunningGateway;
beforeAll(async () => {
  engine = await recordingEngine((_, response) => response.end("{}"));
  const pools = `pools:
  - name: chat
    kind: openai
    models: [small]
    urls: [${engine.url}]
    experts: { model: deepseek-v3, topology: ep32 }
`;
  gateway = await startGateway(pools);
  keyed = await startGateway(`http: { operatorKeyEnv: OPERATOR_KEY }\n${pools}`, { OPERATOR_KEY: KEY });
});
afterAll(async () => {
  await gateway.stop();
  await keyed.stop();
  await engine[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly reason: string;
}

const JSON_TYPE = { "content-type": "application/json" };

/** Sends it in pieces where it says no length. */
async function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { port } = new URL(gateway.url);
  const length: Record<string, string> =
    "transfer-encoding" in headers ? {} : { "content-length": `${Buffer.byteLength(body)}` };
  const asked = ask({ port, path, method: "POST", headers: { ...length, ...headers }, agent: false });
  asked.once("error", reject);
  asked.once("response", resolve);
  asked.end(body);
  const response = await promise;
  const { error } = (await json(response)) as { error?: { reason: string } };
  asked.destroy();
  return { status: response.statusCode ?? 0, reason: error?.reason ?? "" };
}

const ROUTES = [
  "/ep/v1/ranks",
  "/ep/v1/acks",
  "/admin/pools/chat/rollback",
  "/admin/pools/chat/rebalance",
  "/admin/pools/chat/ranks/1/drain",
];
const TOO_LARGE = { status: 413, reason: "body_too_large" };
const CHUNKED = { ...JSON_TYPE, "transfer-encoding": "chunked" };

describe.each(ROUTES)("POST %s", (path) => {
  test("takes 64 KiB and no more, whether it is announced or not; the client reads so while it sends", async () => {
    for (const headers of [JSON_TYPE, CHUNKED]) {
      expect(await post(path, " ".repeat(LIMIT + 1), headers)).toEqual(TOO_LARGE);
      expect(await post(path, `"${"x".repeat(8 << 20)}"`, headers)).toEqual(TOO_LARGE);
      expect(await post(path, " ".repeat(LIMIT), headers)).toEqual({
        status: 400,
        reason: "invalid_request",
      });
    }
  });

  test.each<[string, string | Buffer, Record<string, string>, number]>([
    ["nests deep", "[".repeat(30_000), JSON_TYPE, 400],
    [
      "nests deep in a field",
      `{"pool":"chat","state":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
      JSON_TYPE,
      400,
    ],
    ["is no UTF-8", Buffer.from([0x22, 0xff, 0x22]), JSON_TYPE, 400],
    ["has a prototype", '{"__proto__":{"x":1}}', JSON_TYPE, 400],
    ["is a page's without preflight", '{"pool":"chat"}', { "content-type": "text/plain" }, 415],
    ["is a page's form", "pool=chat", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["is of no type", "{}", {}, 415],
    ["is compressed", "{}", { ...JSON_TYPE, "content-encoding": "gzip" }, 415],
  ])("refuses a body that %s", async (_, body, headers, status) => {
    expect(await post(path, body, headers)).toMatchObject({ status });
  });
});

test("a load may be as large as its pool's reports can be, and no larger", async () => {
  const rows = (count: string) =>
    `[${Array(LAYERS)
      .fill(`[${Array(EXPERTS).fill(count).join(", ")}]`)
      .join(", ")}]`;
  const report = (counts: string) =>
    `{"pool": "chat", "rank": 1, "windowMs": 1000, "logical_count": ${counts}}`;
  const longest = report(rows("1.2345678901234567e+2"));
  expect(longest.length).toBeGreaterThan(300_000);
  expect(await post("/ep/v1/load", longest)).toMatchObject({ status: 202 });
  const padded = `${report(rows("1"))}${" ".repeat(28 * LAYERS * EXPERTS)}`;
  expect(await post("/ep/v1/load", padded)).toEqual(TOO_LARGE);
  const binary = { "content-type": "application/vnd.plimsoll.load" };
  expect(await post("/ep/v1/load?pool=chat", Buffer.alloc(1 << 20), binary)).toEqual(TOO_LARGE);
});

test("an order without a body needs no type, and an empty body is none", async () => {
  expect(await post("/admin/pools/chat/rebalance", "", {})).toMatchObject({ status: 202 });
  expect(await post("/admin/pools/chat/rebalance", "")).toMatchObject({ status: 202 });
});

test("large bodies that dawdle keep no small one out, and are held within the memory for all", async () => {
  const memory = new BodyMemory(100_000);
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = errorAnswer(error);
    return reply.code(status).send(body);
  });
  controlBodies(app, "*", {
    memory,
    limitOf: () => 60_000,
    read: (bytes, _request, held) => {
      held.release();
      return bytes.length;
    },
  });
  app.post("/", async ({ body }) => ({ bytes: body }));
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  try {
    const large = ["POST / HTTP/1.1", "host: x", "content-type: a/b", "content-length: 50000", "", ""].join(
      "\r\n",
    );
    const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(url)));
    for (const { socket } of clients) socket.write(large + "x".repeat(40_000));
    await expect.poll(() => clients.filter(({ text }) => text().includes(" 503 ")).length, patiently).toBe(6);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => fetch(url, { method: "POST", body: "x".repeat(1000) })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    for (const { socket } of clients) socket.destroy();
    await expect.poll(() => memory.heldBytes, patiently).toBe(0);
  } finally {
    await app.close();
  }
});

const WRITTEN = fc
  .tuple(
    fc.constantFrom("", "/", "http://127.0.0.1", "http://evil.example", "//127.0.0.1"),
    fc.constantFrom(
      "/admin/state",
      "/metrics",
      "/metrics/experts",
      "/ep/v1/events",
      "/ep/v1/placement/chat",
      "/admin/pools/chat/audit",
    ),
    fc.constantFrom("", "/", "?", "?x=1", "#", "%20", ";a", "/.", "/../state", "%00"),
    fc.constantFrom<(path: string) => string>(
      (path) => path,
      (path) => path.replace("/a", "/%61"),
      (path) => path.replace("/e", "/%65").replace("/m", "/%6D"),
      (path) => path.replaceAll("/", "%2f").replace("%2f", "/"),
      (path) => path.toUpperCase(),
      (path) => path.replace("/", "//"),
      (path) => path.replace("/", "/./"),
      (path) => path.replace("/", "/x/../"),
    ),
  )
  .map(([before, path, after, change]) => before + change(path) + after);

test("whatever way it is written, no route of operators is answered to a stranger", async () => {
  await fc.assert(
    fc.asyncProperty(
      WRITTEN,
      fc.constantFrom("GET", "HEAD", "OPTIONS", "POST", "PUT"),
      async (target, method) => {
        const { socket, closed } = await rawClient(keyed.url);
        socket.write(
          `${method} ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
        );
        const answer = await closed;
        expect(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])).toBeGreaterThanOrEqual(400);
      },
    ),
    { seed: 3, numRuns: runs(150) },
  );
});

test("a WebSocket of another origin opens nothing", async () => {
  const { socket, closed } = await rawClient(gateway.url);
  const headers = [
    "host: 127.0.0.1",
    "connection: upgrade, close",
    "upgrade: websocket",
    "origin: http://evil.example",
  ];
  socket.write(`GET /ep/v1/events HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
  const answer = await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  expect(answer).not.toContain("event-stream");
});

test("the key opens every route, and stands in no answer", async () => {
  const headers = { authorization: `Bearer ${KEY}` };
  for (const path of ["/admin/state", "/metrics", "/admin/pools/chat/audit", "/admin/pools/chat/explain"]) {
    expect((await fetch(keyed.url + path)).status).toBe(401);
    const opened = await fetch(keyed.url + path, { headers });
    expect(opened.status).toBe(200);
    expect(await opened.text()).not.toContain(KEY);
  }
  for (const path of ["/", "/health"]) expect((await fetch(keyed.url + path)).status).toBe(200);
  const order = { method: "POST", headers: { ...headers, origin: "http://evil.example" } };
  expect((await fetch(`${keyed.url}/admin/pools/chat/pause`, order)).status).toBe(403);
  const audit = await fetch(`${keyed.url}/admin/pools/chat/audit`, { headers });
  expect(await audit.json()).toMatchObject({ entries: [] });
});

test("what is wrong with the store, and where, /ready says to operators alone", async () => {
  const headers = { authorization: `Bearer ${KEY}` };
  const ready = async (init: RequestInit) => (await fetch(`${keyed.url}/ready`, init)).json();
  expect(await ready({ headers })).toHaveProperty("storeFault", null);
  expect(await ready({})).not.toHaveProperty("storeFault");
  expect(await ready({})).toHaveProperty("store", "reachable");
});

test("connections that nobody uses keep nobody out", async () => {
  const small = await startGateway(
    `http: { maxConnections: 4 }\npools: [{ name: chat, kind: openai, models: [small], urls: [${engine.url}] }]`,
  );
  try {
    const idle = await Promise.all(Array.from({ length: 4 }, () => rawClient(small.url)));
    for (const { socket } of idle) socket.write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    for (const { text } of idle) await expect.poll(text, patiently).toContain("ok");
    const statusOf = () =>
      fetch(`${small.url}/admin/state`).then(
        ({ status }) => status,
        () => 0,
      );
    await expect.poll(statusOf, patiently).toBe(200);
    await Promise.all(idle.map(({ closed }) => closed));
  } finally {
    await small.stop();
  }
});
