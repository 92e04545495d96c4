/** Servers whose engine dies under a request, and what clients get of it. */
import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type WireEngine, wireEngine } from "../../harness/fakes/wire-engine.ts";
import { type WireAnswer, answersIn } from "../../harness/fakes/wire-messages.ts";
import { patiently } from "../patiently.ts";

const NEW = "The server had an error while processing your request.";
const OLD = "EngineCore encountered an issue. See stack trace (above) for the root cause.";
const death = (message: string, type = "InternalServerError") =>
  JSON.stringify({ error: { message, type, param: null, code: 500 } });
const sized = (status: string, type: string, body: string) =>
  `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const failing = (body: string) => sized("500 Internal Server Error", "application/json", body);
const stream = (...frames: readonly string[]) =>
  sized("200 OK", "text/event-stream", frames.map((frame) => `data: ${frame}\n\n`).join(""));
const WORD = '{"choices":[{"delta":{"content":"word"}}]}';

/** What the next requests are answered, whichever server gets them; then all are served. */
let says: string[] = [];
let engines: WireEngine[];
let gateway: RunningGateway;
beforeAll(async () => {
  const script = (_: unknown, socket: Socket) => socket.write(says.shift() ?? stream(WORD, "[DONE]"));
  engines = [await wireEngine(script), await wireEngine(script)];
  const urls = engines.map(({ url }) => url).join(", ");
  gateway = await startGateway(
    `retry: { baseMs: 1, ratio: 1 }\npools: [{ name: chat, kind: vllm, models: [small], urls: [${urls}] }]`,
  );
});
afterEach(async () => {
  await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
  expect(says).toEqual([]);
  vi.restoreAllMocks();
});
afterAll(async () => {
  await gateway.stop();
  for (const engine of engines) await engine[Symbol.asyncDispose]();
});

async function ask(...answers: readonly string[]): Promise<WireAnswer & { readonly blamed: number }> {
  says = [...answers];
  const blamed = vi.spyOn(gateway.app.gateway().pools[0].health, "failed");
  const { socket, closed } = await rawClient(gateway.url);
  socket.write(wireRequest("/v1/chat/completions", '{"model":"small","stream":true}', ["connection: close"]));
  const [answer] = answersIn(await closed);
  return { ...answer, blamed: blamed.mock.calls.length };
}

test.each([
  ["vLLM 0.33", failing(death(NEW))],
  ["earlier vLLM", failing(death(OLD))],
  ["in a stream, before its first token", stream(death(NEW), "[DONE]")],
])(
  "%s: a server that dies before it answers is blamed, and another serves the request",
  async (_, answer) => {
    const { status, body, blamed } = await ask(answer);
    expect([status, blamed]).toEqual([200, 1]);
    expect(body).toContain("word");
    expect(body).not.toContain("InternalServerError");
  },
);

test("where every server dies the client is told so, in words", async () => {
  const { status, body } = await ask(failing(death(NEW)), failing(death(NEW)), failing(death(OLD)));
  expect([status, JSON.parse(body)]).toMatchObject([
    502,
    { error: { code: "engine_failed", message: "The engine died before it answered." } },
  ]);
});

test.each([
  ["another message", failing(death("Internal server error"))],
  ["another type", failing(death(NEW, "GenerationError"))],
  ["the message alone", failing(OLD)],
  ["nothing", failing("")],
  ["more than a report", failing(death(NEW).padEnd(9000))],
])("a 500 with %s is the client's answer", async (_, answer) => {
  const { status, body, blamed } = await ask(answer);
  expect([status, body, blamed]).toEqual([500, answer.slice(answer.indexOf("\r\n\r\n") + 4), 1]);
});

test("a server that dies after its first token ends the stream, which counts as failed", async () => {
  const before = gateway.app.gateway().deck.meter.report(0).failed;
  const { status, body, blamed } = await ask(stream(WORD, death(NEW), "[DONE]"));
  expect([status, blamed]).toEqual([200, 1]);
  expect(body).toContain(death(NEW));
  await expect.poll(() => gateway.app.gateway().deck.meter.report(0).failed, patiently).toBe(before + 1);
});
