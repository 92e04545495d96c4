/** What clients see of engines that misbehave; `hostile-engine.test.ts` is about what the gateway itself receives. */
import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RawEngine, rawEngine } from "../../harness/fakes/raw-engine.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const EVENTS = `${OK}content-type: text/event-stream\r\n`;
const FRAME = 'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n';
/** On a busy machine a probe may take long; it is not what these tests are about. */
const PROBE = "health: { probe: { timeoutMs: 20000 } }";
const TIMEOUTS = `${PROBE}\nupstream: { firstTokenTimeoutMs: 200, idleTimeoutMs: 200 }`;

let good: FakeServer;
beforeAll(async () => {
  good = await startOpenAiServer();
});
afterAll(() => good.kill());

/** Runs a check against a gateway before an engine that does what the script says, and perhaps a good one. */
async function before(
  urls: readonly string[],
  script: (socket: Socket) => void,
  check: (gateway: RunningGateway, engine: RawEngine) => Promise<void>,
  settings = TIMEOUTS,
): Promise<void> {
  await using engine = await rawEngine(script);
  const pool = `{ name: chat, kind: openai, policy: round-robin, models: [small], urls: [${[engine.url, ...urls].join(", ")}] }`;
  const gateway = await startGateway(`${settings}\npools: [${pool}]`);
  try {
    await check(gateway, engine);
    await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
    expect(gateway.app.gateway().pools[0].states.requests.every((count) => count === 0)).toBe(true);
  } finally {
    await gateway.stop();
  }
}

function post({ url }: RunningGateway, path = "/v1/chat/completions"): Promise<Response> {
  return fetch(url + path, { method: "POST", body: '{"model":"small","stream":true}' });
}

function framed(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const GATEWAY_TIMEOUT = "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 2\r\n\r\n{}";

const failures: [what: string, script: (socket: Socket) => void][] = [
  ["resets before the response headers", (socket) => socket.resetAndDestroy()],
  ["closes before the response headers", (socket) => socket.end()],
  ["resets after the response headers", (socket) => socket.write(CHUNKED, () => socket.resetAndDestroy())],
  [
    "closes after response headers that announced more",
    (socket) => socket.end(`${OK}content-length: 9\r\n\r\n`),
  ],
  ["only gives hints", (socket) => socket.end("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")],
  ["speaks something else", (socket) => socket.end("220 mail.example.com ESMTP\r\n")],
  ["never ends its headers", (socket) => socket.write(OK + "x-flood: 1234567890\r\n".repeat(5000))],
  [
    "says how long it is in two ways",
    (socket) => socket.write(`${OK}content-length: 3\r\ncontent-length: 4\r\n\r\nabc`),
  ],
  [
    "is overloaded",
    (socket) => socket.write("HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"),
  ],
  ["limits its clients", (socket) => socket.write("HTTP/1.1 429 Slow Down\r\ncontent-length: 2\r\n\r\n{}")],
];

test.each(failures)(
  "an engine that %s before its first byte: another one serves the request",
  (_, script) => {
    const check = async (gateway: RunningGateway, engine: RawEngine) => {
      const response = await post(gateway);
      expect([response.status, response.headers.get("x-plimsoll-shard")]).toEqual([200, `chat/${good.url}`]);
      expect((await response.text()).endsWith("data: [DONE]\n\n")).toBe(true);
      expect(engine.posts()).toBe(1);
    };
    // None of them is a matter of time, and the other engine may take some.
    return before([good.url], script, check, PROBE);
  },
);

test.each<[what: string, script: (socket: Socket) => void]>([
  ["says nothing", () => {}],
  ["says nothing after the response headers", (socket) => socket.write(CHUNKED)],
  ["is waited for too long by somebody in between", (socket) => socket.write(GATEWAY_TIMEOUT)],
])("an engine that %s in the time a first byte may take: no other is asked to take as long", (_, script) =>
  before([good.url], script, async (gateway, engine) => {
    const response = await post(gateway);
    expect([response.status, engine.posts()]).toEqual([504, 1]);
    await response.text();
    expect(gateway.app.gateway().deck.retryBudget.spent).toBe(0);
  }),
);

test.each([
  ["503 Service Unavailable", "retry-after: 7\r\nx-why: busy\r\n", '{"detail": "no  room"}'],
  ["429 Too Many Requests", "retry-after: 7\r\nx-why: busy\r\n", '{"error":{"message":"slow down"}}'],
  ["400 Bad Request", "x-why: busy\r\n", '{"error": "context too long"}\n'],
  ["500 Internal Server Error", "x-why: busy\r\n", "<html>"],
])("%s from every engine is the client's answer, byte for byte", (status, headers, body) =>
  before(
    [],
    (socket) => socket.write(`HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`),
    async (gateway, engine) => {
      const response = await post(gateway);
      expect([response.status, await response.text()]).toEqual([Number(status.slice(0, 3)), body]);
      expect(response.headers.get("x-why")).toBe("busy");
      expect(response.headers.get("retry-after")).toBe(headers.includes("retry-after") ? "7" : null);
      // There is no other to send it to, and nothing is spent on that.
      expect(engine.posts()).toBe(1);
      expect(gateway.app.gateway().deck.retryBudget.spent).toBe(0);
    },
  ),
);

const breaks: [what: string, script: (socket: Socket) => void][] = [
  [
    "resets inside a frame",
    (socket) => {
      socket.write(`${EVENTS}transfer-encoding: chunked\r\n\r\n${framed(`${FRAME}data: {"cho`)}`);
      setTimeout(() => socket.resetAndDestroy(), 50);
    },
  ],
  ["falls silent", (socket) => socket.write(`${EVENTS}transfer-encoding: chunked\r\n\r\n${framed(FRAME)}`)],
  [
    "breaks its chunks",
    (socket) => socket.write(`${EVENTS}transfer-encoding: chunked\r\n\r\n${framed(FRAME)}zz\r\n`),
  ],
  ["is shorter than it said", (socket) => socket.end(`${EVENTS}content-length: 500\r\n\r\n${FRAME}data: {`)],
  [
    "is shorter than it said, on its last connection",
    (socket) => socket.end(`${EVENTS}connection: close\r\ncontent-length: 500\r\n\r\n${FRAME}data: {`),
  ],
  [
    "is longer than it said",
    (socket) =>
      socket.write(`${EVENTS}content-length: ${FRAME.length + 9}\r\n\r\n${FRAME}data: {"choices":[]}\n\n`),
  ],
  [
    "lacks its last chunk, on its last connection",
    (socket) =>
      socket.end(`${EVENTS}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${framed(FRAME)}`),
  ],
];
const lastFrames: [path: string, begin: string, error: object][] = [
  ["/v1/chat/completions", "data: ", { error: { type: "server_error" } }],
  ["/v1/messages", "event: error\ndata: ", { type: "error", error: { type: "api_error" } }],
  ["/v1/responses", "event: error\ndata: ", { type: "error" }],
];

test.each(breaks)(
  "a stream that %s ends after its whole frames with an error event, as its route has them",
  (what, script) =>
    before([], script, async (gateway) => {
      const code = what === "falls silent" ? "engine_timeout" : "engine_failed";
      for (const [path, begin, error] of lastFrames) {
        const response = await post(gateway, path);
        const text = await response.text();
        expect(text.startsWith(FRAME + begin)).toBe(true);
        expect(text.endsWith("\n\n")).toBe(true);
        const last = JSON.parse(text.slice(FRAME.length + begin.length)) as { error: object };
        expect(last).toMatchObject(error);
        expect(last.error).toMatchObject(path === "/v1/messages" ? { reason: code } : { code });
      }
    }),
);

test.each<[what: string, script: (socket: Socket) => void]>([
  ["is shorter than it said", (socket) => socket.end(`${OK}content-length: 9\r\n\r\nabc`)],
  ["falls silent", (socket) => socket.write(`${OK}content-length: 9\r\n\r\nabc`)],
  ["has no last chunk", (socket) => socket.end(`${CHUNKED}${framed("abc")}`)],
  [
    "is reset",
    (socket) => {
      socket.write(`${OK}content-length: 9\r\n\r\nabc`);
      setTimeout(() => socket.resetAndDestroy(), 50);
    },
  ],
])("an answer without frames that %s breaks off for the client too", (_, script) =>
  before([], script, async (gateway) => {
    const response = await post(gateway);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("terminated");
  }),
);

test.each<[fault: string, kind: string, script: (socket: Socket) => void]>([
  ["falls silent", "timeout", (socket) => socket.write(`${CHUNKED}${framed("abc")}`)],
  ["says nothing", "timeout", () => {}],
  ["resets", "reset", (socket) => socket.resetAndDestroy()],
  ["answers 500", "status", (socket) => socket.write("HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\nno")],
])("an engine that %s is known for it: %s", (_, kind, script) =>
  before(
    [],
    script,
    async (gateway) => {
      await post(gateway)
        .then((response) => response.text())
        .catch(() => {});
      const failure = () => gateway.app.gateway().pools[0].health.view(0).lastFailure;
      await expect.poll(failure, patiently).toBe(kind);
    },
    `${TIMEOUTS}\nretry: { maxAttempts: 1 }`,
  ),
);

test("a request that its engine is slow over is sent to another too, and the first answer taken", async () => {
  const slow: Socket[] = [];
  await before(
    [good.url],
    (socket) => slow.push(socket),
    async (gateway, engine) => {
      const response = await post(gateway);
      expect([response.status, response.headers.get("x-plimsoll-shard")]).toEqual([200, `chat/${good.url}`]);
      await response.text();
      expect(engine.posts()).toBe(1);
      await expect.poll(() => slow[0].destroyed, patiently).toBe(true);
    },
    `${PROBE}\nupstream: { firstTokenTimeoutMs: 60000 }\nhedge: { afterMs: 50 }`,
  );
});

test("a stream's response headers reach the client when they come, and comments keep it alive until its first frame", async () => {
  const waiting: Socket[] = [];
  await before(
    [],
    (socket) => {
      waiting.push(socket);
      socket.write(`${EVENTS}transfer-encoding: chunked\r\n\r\n`);
    },
    async (gateway) => {
      const response = await post(gateway);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const first = await reader.read();
      expect(Buffer.from(first.value ?? []).toString()).toBe(": keep-alive\n\n");
      waiting[0].write(`${framed(FRAME)}0\r\n\r\n`);
      let text = "";
      for (let read = await reader.read(); !read.done; read = await reader.read())
        text += Buffer.from(read.value).toString();
      expect(text.replaceAll(": keep-alive\n\n", "")).toBe(FRAME);
      expect(text.endsWith(FRAME)).toBe(true);
    },
    "http: { streamKeepAliveMs: 20 }",
  );
});

test("a stream whose engine dies between its headers and its first byte comes from another", async () => {
  const waiting: Socket[] = [];
  await before(
    [good.url],
    (socket) => {
      waiting.push(socket);
      socket.write(`${EVENTS}transfer-encoding: chunked\r\n\r\n`);
    },
    async (gateway, engine) => {
      const response = await post(gateway);
      expect(response.headers.get("x-plimsoll-shard")).toBe(`chat/${engine.url}`);
      waiting[0].resetAndDestroy();
      const text = await response.text();
      expect(text.startsWith(`: x-plimsoll-shard: chat/${good.url}\n\n`)).toBe(true);
      expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    },
  );
});

test("half a frame, and the end: the client gets what the engine sent", () =>
  before(
    [],
    (socket) => socket.end(`${EVENTS}connection: close\r\n\r\n${FRAME}data: {"cho`),
    async (gateway) => {
      expect(await (await post(gateway)).text()).toBe(`${FRAME}data: {"cho`);
    },
  ));

test("what is more than announced is nobody's answer", () =>
  before(
    [],
    (socket) => socket.write(`${OK}content-length: 3\r\n\r\nabc${OK}content-length: 4\r\n\r\nevil`),
    async (gateway) => {
      for (let i = 0; i < 3; i++) expect(await (await post(gateway)).text()).toBe("abc");
    },
  ));

test("hints before the answer are not the answer", () =>
  before(
    [],
    (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}content-length: 2\r\n\r\nok`),
    async (gateway) => {
      const response = await post(gateway);
      expect([response.status, await response.text()]).toEqual([200, "ok"]);
    },
  ));
