/** Answers of engines that are rare, and what clients get of them. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type WireEngine, wireEngine } from "../../harness/fakes/wire-engine.ts";
import { patiently } from "../patiently.ts";
import { type WireAnswer, answersIn } from "../../harness/fakes/wire-messages.ts";

const PATH = "/v1/chat/completions";
const OK = "HTTP/1.1 200 OK\r\n";
const EVENTS = `${OK}content-type: text/event-stream\r\n`;
const FRAME = 'data: {"choices":[{"delta":{"content":"word"}}]}\n\n';

let engine: WireEngine;
let gateway: RunningGateway;
let says: string[] = [];
beforeAll(async () => {
  engine = await wireEngine((_, socket) => {
    for (const part of says) socket.write(part, "latin1");
    socket.end();
  });
  const limits = "upstream: { firstTokenTimeoutMs: 2000, idleTimeoutMs: 2000 }";
  const circuit = "health: { circuit: { consecutiveFailures: 1000000, minRequests: 1000000 } }";
  gateway = await startGateway(`${limits}\n${circuit}\nretry: { maxAttempts: 1 }\n${chatPool(engine.url)}`);
});
afterEach(async () => {
  await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
  expect([...gateway.app.gateway().pools[0].states.requests]).toEqual([0]);
  expect(gateway.faults).toEqual([]);
});
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

async function answerTo(...parts: string[]): Promise<WireAnswer> {
  says = parts;
  const { socket, closed } = await rawClient(gateway.url);
  socket.write(wireRequest(PATH, '{"model":"small","stream":true}', ["connection: close"]));
  const answers = answersIn(await closed);
  expect(answers).toHaveLength(1);
  return answers[0];
}

test.each([
  ["no reason phrase", `HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok`, 200, "ok"],
  ["no space after its status", `HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok`, 200, "ok"],
  ["a phrase of its own", `HTTP/1.1 418 I'm a \xe4 teapot\r\ncontent-length: 2\r\n\r\nok`, 418, "ok"],
  ["HTTP/1.0", `HTTP/1.0 200 OK\r\n\r\nok`, 200, "ok"],
  [
    "several hints before it",
    `${"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(3)}${OK}content-length: 2\r\n\r\nok`,
    200,
    "ok",
  ],
  ["trailers", `${OK}transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-a: b\r\n\r\n`, 200, "ok"],
  ["chunk extensions", `${OK}transfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n`, 200, "ok"],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""],
  ["204 with something behind it", "HTTP/1.1 204 No Content\r\n\r\nok", 204, ""],
  ["304", "HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", 304, ""],
  ["a status of 999", "HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok", 999, "ok"],
])("%s: the client gets it whole", async (_, text, status, body) => {
  expect(await answerTo(text)).toMatchObject({ status, body, whole: true });
});

test.each([
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nok"],
  ["a status of 99", "HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\nok"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nok"],
  ["a go-ahead that nobody asked for", `HTTP/1.1 100 Continue\r\n\r\n${OK}content-length: 2\r\n\r\nok`],
  ["204 with a body", "HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok"],
  ["only hints", "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ["another coding of its transfer", `${OK}transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ["another coding of its transfer, to the end", `${OK}transfer-encoding: gzip\r\n\r\nok`],
  ["a control character in a header", `${OK}x-a: b\x01c\r\ncontent-length: 2\r\n\r\nok`],
])("%s: the client gets 502", async (_, text) => {
  const { status, body } = await answerTo(text);
  expect([status, JSON.parse(body)]).toMatchObject([502, { error: { reason: "engine_failed" } }]);
});

test("what an engine says of the gateway and the connection is not passed on, in whatever way it names it", async () => {
  const { headers } = await answerTo(
    `${OK}X-Request-ID: theirs\r\nX-PLIMSOLL-shard: theirs\r\nConnection: x-a\r\nconnection: close, X-B\r\nx-a: 1\r\nx-b: 1\r\nx-c: 1\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok`,
  );
  expect(headers.get("x-request-id")).not.toContain("theirs");
  expect(headers.get("x-plimsoll-shard")).toEqual([`chat/${engine.url}`]);
  expect(["x-a", "x-b", "x-c"].map((name) => headers.has(name))).toEqual([false, false, true]);
});

test("a frame of many megabytes arrives whole, in whatever pieces", async () => {
  const long = `data: ${"x".repeat(3 << 20)}\n\n`;
  const parts = long.match(/[^]{1,300000}/g) ?? [];
  const { body } = await answerTo(`${EVENTS}connection: close\r\n\r\n`, FRAME, ...parts, FRAME);
  expect(body === FRAME + long + FRAME).toBe(true);
});

test("a stream that breaks off within a frame too long to hold ends with an error event of its own", async () => {
  const long = `data: ${"x".repeat(3 << 20)}`;
  const { body, whole } = await answerTo(`${EVENTS}content-length: 9000000\r\n\r\n`, FRAME, long);
  expect(whole).toBe(true);
  const last = body.slice(body.lastIndexOf("\n\n", body.length - 3) + 2);
  expect(JSON.parse(last.slice("data: ".length))).toMatchObject({ error: { code: "engine_failed" } });
});

test("frames that end with carriage returns alone are frames, and a mark before the first is left there", async () => {
  const frames = `\xef\xbb\xbf${FRAME.replaceAll("\n", "\r")}data: b\r\r`;
  const { body } = await answerTo(`${EVENTS}content-length: 9000\r\n\r\n${frames}data: c`);
  expect(body.startsWith(`${frames}data: {"error"`)).toBe(true);
});
