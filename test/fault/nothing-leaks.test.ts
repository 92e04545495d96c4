import { readFile, readdir } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type OtlpServer, startOtlpServer } from "../../harness/fakes/otlp-server.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { keyHash } from "../../src/config/operator-key.ts";

/** What nobody but client and engine may see: of prompts, answers, and three kinds of keys. */
const PROMPT = "canary-prompt-4711";
const ANSWER = "canary-answer-4711";
const CLIENT_KEY = "sk-canary-client-0123456789";
const ENGINE_KEY = "canary-engine-0123456789";
const OPERATOR_KEY = "canary-operator-0123456789";
const CANARIES = [PROMPT, ANSWER, CLIENT_KEY, ENGINE_KEY, OPERATOR_KEY];

let folder: ScratchFolder;
let engine: RecordingEngine;
let collector: OtlpServer;
let said: string;
beforeEach(async () => {
  folder = await scratchFolder();
  collector = await startOtlpServer();
  engine = await recordingEngine(({ body, headers }, response) => {
    const text = body.toString();
    if (text.includes("fails")) return void response.writeHead(500).end("{}");
    if (text.includes("hangs up")) return void response.destroy();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`data: {"choices":[{"delta":{"content":"${ANSWER}"}}]}\n\n`);
    if (text.includes("breaks")) return void response.destroy();
    expect(headers.authorization).toBe(`Bearer ${ENGINE_KEY}`);
    response.end("data: [DONE]\n\n");
  });
  said = "";
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    said += chunk.toString();
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await engine[Symbol.asyncDispose]();
  await collector.close();
  await folder[Symbol.asyncDispose]();
});

/** Everything that leaves the gateway while clients ask, well and badly; but for the answers themselves. */
async function leaves(settings: string): Promise<string> {
  const gateway = await startGateway(
    `http: { operatorKeyEnv: OPS, logLevel: debug }
access: { keys: { team: { hash: "sha256:${keyHash(CLIENT_KEY)}" } } }
retry: { maxAttempts: 1 }
telemetry: { genAi: true, names: true }
capture: { directory: ${folder.path("captured")}, names: true${settings} }
pools: [{ name: chat, kind: openai, models: [small], urls: ["${engine.url}"], apiKeyEnv: ENGINE }]`,
    {
      OPS: OPERATOR_KEY,
      ENGINE: ENGINE_KEY,
      PLIMSOLL_HTTP_LOG_LEVEL: "debug",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "1",
    },
  );
  const seen: string[] = [];
  const refusals: string[] = [];
  const ask = async (key: string, body: string, keep: boolean) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "x-session-id": "s" },
      body,
    });
    const text = await response.text().catch(() => "");
    seen.push(JSON.stringify([...response.headers]), keep ? text : "");
    if (keep) refusals.push(text);
  };
  const chat = (how: string, more: object = {}) =>
    JSON.stringify({
      model: "small",
      stream: true,
      messages: [{ role: "user", content: `${PROMPT} ${how}` }],
      ...more,
    });
  await ask(CLIENT_KEY, chat("answer"), false);
  await ask(CLIENT_KEY, chat("breaks"), false);
  for (const how of ["fails", "hangs up"]) await ask(CLIENT_KEY, chat(how), true);
  for (const bad of [{ model: "nope" }, { model: 3 }]) await ask(CLIENT_KEY, chat("x", bad), true);
  await ask(CLIENT_KEY, `${chat("x")}}`, true);
  await ask(`${CLIENT_KEY}x`, chat("x"), true);
  const headers = { authorization: `Bearer ${OPERATOR_KEY}` };
  for (const path of ["/admin/state", "/metrics", "/metrics/experts", "/ready", "/v1/models"])
    seen.push(await (await fetch(gateway.url + path, { headers })).text());
  const events = await fetch(`${gateway.url}/ep/v1/events`, { headers });
  const { value } = await (events.body as ReadableStream<Uint8Array>).getReader().read();
  seen.push(Buffer.from(value ?? []).toString());
  await gateway.stop();
  // What failed at an engine is told without where that is.
  expect(refusals.filter((text) => text.includes(new URL(engine.url).port))).toEqual([]);
  const captured = await readdir(folder.path("captured"));
  for (const name of captured) {
    const bytes = await readFile(folder.path(`captured/${name}`));
    seen.push(name.endsWith(".gz") ? gunzipSync(bytes).toString() : bytes.toString());
  }
  const spans = collector.requests.map(({ body, headers: sent }) => body.toString() + JSON.stringify(sent));
  return [said, ...seen, ...spans, ...gateway.notices, ...gateway.faults.map(String)].join("\n");
}

test("prompts, answers and keys are in no log, metric, span, state, recording or refusal", async () => {
  const left = await leaves("");
  // It did say things, of all kinds.
  for (const part of [
    "incoming request",
    "plimsoll_responses_total",
    "invalid_api_key",
    "resourceSpans",
    '"session":"s"',
  ])
    expect([part, left.includes(part)]).toEqual([part, true]);
  expect(CANARIES.filter((canary) => left.includes(canary))).toEqual([]);
});

test("only `capture.text` records prompts, and it alone", async () => {
  const left = await leaves(", text: true");
  expect(CANARIES.filter((canary) => left.includes(canary))).toEqual([PROMPT]);
  expect([said.includes(PROMPT), collector.requests.some(({ body }) => body.includes(PROMPT))]).toEqual([
    false,
    false,
  ]);
});
