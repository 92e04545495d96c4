import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openAiEngine } from "../../src/engines/openai/openai-engine.ts";
import type { Engine } from "../../src/serving/engine.ts";
import { respond, sent } from "../engine-response.ts";
import { rawServer } from "../../harness/fakes/raw-server.ts";
import { patiently } from "../patiently.ts";

const request = { method: "POST", path: "/v1/completions", headers: [], body: Buffer.from("{}") } as const;
const OK = "HTTP/1.1 200 OK\r\n";
const LONG = 32 << 20;

function engineOf(url: string, idleTimeoutMs = 5000): Engine {
  const timeouts = { connectTimeoutMs: 1000, firstTokenTimeoutMs: 5000, idleTimeoutMs, connections: 0 };
  return openAiEngine({
    pool: "chat",
    urls: [url],
    dataParallelSize: 1,
    rankOffsets: [0],
    apiKey: null,
    timeouts,
  });
}

test.each([
  ["fewer bytes than it said", `${OK}content-length: 9\r\n\r\nabc`],
  [
    "fewer bytes than it said, on its last response",
    `${OK}connection: close\r\ncontent-length: 9\r\n\r\nabc`,
  ],
  ["half of a chunk", `${OK}transfer-encoding: chunked\r\n\r\n9\r\nabc`],
  ["no last chunk", `${OK}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`],
])("%s: the response fails after what came", async (_, text) => {
  await using server = await rawServer((socket) => socket.end(text));
  const engine = engineOf(server.url);
  const { sink } = sent(engine, engine.shards[0], request);
  await sink.over;
  expect(sink.text).toBe("abc");
  expect(sink.received.at(-1)).toBe("fail");
  expect(sink.fault).toMatchObject({
    mayHaveBegun: true,
    message: expect.stringContaining("broke off") as string,
  });
  await engine.close();
});

test.each([
  ["nothing of HTTP", "220 mail.example.com ESMTP\r\n"],
  ["endless response headers", `${OK}${"x-flood: 1234567890\r\n".repeat(5000)}\r\n`],
  ["a broken chunk size", `${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`],
  [
    "both kinds of length",
    `${OK}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  ],
])("%s: the response fails once, and the next is another connection's", async (_, text) => {
  await using server = await rawServer((socket) => socket.write(text));
  const engine = engineOf(server.url);
  for (const made of [1, 2]) {
    const { sink } = sent(engine, engine.shards[0], request);
    await sink.over;
    expect(sink.received.filter((call) => call === "fail")).toEqual(["fail"]);
    expect(server.connections()).toBe(made);
  }
  await engine.close();
});

test("more bytes than it said are nobody's response", async () => {
  await using server = await rawServer((socket) =>
    socket.write(`${OK}content-length: 3\r\n\r\nabc${OK}content-length: 4\r\n\r\nevil`),
  );
  const engine = engineOf(server.url);
  expect((await respond(engine, engine.shards[0], request)).text).toBe("abc");
  expect((await respond(engine, engine.shards[0], request)).text).toBe("abc");
  expect(server.connections()).toBe(2);
  await engine.close();
});

test("early hints are ignored", async () => {
  const hints = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
  await using server = await rawServer((socket) => socket.write(`${hints}${OK}content-length: 2\r\n\r\nok`));
  const engine = engineOf(server.url);
  const { sink } = sent(engine, engine.shards[0], request);
  await sink.over;
  expect(sink.received.filter((call) => call === "headers")).toHaveLength(1);
  expect(sink.headersHeard?.status).toBe(200);
  expect(sink.text).toBe("ok");
  await engine.close();
});

test("a response that falls silent fails", async () => {
  await using server = await rawServer((socket) =>
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`),
  );
  const engine = engineOf(server.url, 100);
  const { sink } = sent(engine, engine.shards[0], request);
  await sink.over;
  expect(sink.text).toBe("abc");
  expect(sink.fault).toMatchObject({
    mayHaveBegun: true,
    message: expect.stringContaining("IDLE_TIMEOUT") as string,
  });
  await engine.close();
});

test("a response that falls silent fails also after the sink was full for longer than that", async () => {
  await using server = await rawServer((socket) =>
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`),
  );
  const idleMs = 50;
  const engine = engineOf(server.url, idleMs);
  const { sink, exchange } = sent(engine, engine.shards[0], request);
  sink.onData = () => false;
  await expect.poll(() => sink.received, patiently).toContain("data");
  await sleep(3 * idleMs);
  expect(sink.received).toEqual(["headers", "data"]);
  exchange.resume();
  await sink.over;
  expect(sink.received).toEqual(["headers", "data", "fail"]);
  await engine.close();
});

// undici's own pause takes the process down in the first, third and fourth of these.
test.each([
  ["ends with its connection", `${OK}connection: close\r\n\r\nabc`, "end"],
  [
    "ends with its last chunk",
    `${OK}connection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    "end",
  ],
  ["ends with its length", `${OK}connection: close\r\ncontent-length: 3\r\n\r\nabc`, "end"],
  ["breaks off", `${OK}connection: close\r\ncontent-length: 9\r\n\r\nabc`, "fail"],
])("a response that %s while the sink is full is received when it resumes", async (_, text, last) => {
  const closed = Promise.withResolvers<void>();
  await using server = await rawServer((socket) => {
    socket.end(text, () => closed.resolve());
  });
  const engine = engineOf(server.url);
  const { sink, exchange } = sent(engine, engine.shards[0], request);
  sink.onData = () => false;
  await closed.promise;
  await expect.poll(() => sink.received, patiently).toContain("data");
  // Requests that pass meanwhile give the end of the first its time to arrive.
  for (let i = 0; i < 3; i++) await respond(engine, engine.shards[0], request).catch(() => {});
  expect(sink.received).toEqual(["headers", "data"]);
  exchange.resume();
  await sink.over;
  expect(sink.received).toEqual(["headers", "data", last]);
  await engine.close();
});

test("a reset while the sink is full is a failure, not a crash", async () => {
  const reset = Promise.withResolvers<() => void>();
  await using server = await rawServer((socket) => {
    socket.write(`${OK}connection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    reset.resolve(() => socket.resetAndDestroy());
  });
  const engine = engineOf(server.url);
  const { sink } = sent(engine, engine.shards[0], request);
  sink.onData = () => false;
  await expect.poll(() => sink.received, patiently).toContain("data");
  (await reset.promise)();
  await sink.over;
  expect(sink.received).toEqual(["headers", "data", "fail"]);
  await engine.close();
});

test("a full sink holds the server back, however slow it is, and loses nothing", async () => {
  let written = 0;
  await using server = await rawServer((socket) => {
    socket.write(`${OK}content-length: ${LONG}\r\n\r\n`);
    const pour = (): void => {
      while (written < LONG) {
        written += 1 << 16;
        if (!socket.write(Buffer.alloc(1 << 16))) return void socket.once("drain", pour);
      }
    };
    pour();
  });
  const idleMs = 1000;
  const engine = engineOf(server.url, idleMs);
  const { sink, exchange } = sent(engine, engine.shards[0], request);
  sink.onData = () => false;
  await expect.poll(() => sink.received, patiently).toContain("data");
  // Longer than a server may be silent; what is in flight is in the kernel's buffers.
  await sleep(2 * idleMs);
  expect(written).toBeLessThan(LONG);
  expect(sink.chunks).toHaveLength(1);
  sink.onData = () => true;
  exchange.resume();
  await sink.over;
  expect(sink.received.at(-1)).toBe("end");
  expect(sink.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(LONG);
  await engine.close();
});

test("a connection that the server closed while it was idle is not used again", async () => {
  await using server = await rawServer((socket) => socket.end(`${OK}content-length: 2\r\n\r\nok`));
  const engine = engineOf(server.url);
  for (let i = 0; i < 5; i++) expect((await respond(engine, engine.shards[0], request)).text).toBe("ok");
  await engine.close();
});
