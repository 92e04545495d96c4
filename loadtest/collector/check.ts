/**
 * Sends traces and measures to OpenTelemetry's own collector, and looks at what it understood.
 *
 * Needs Go (1.25 or newer) and the Go module proxy; builds the collector in a temporary folder (minutes, once for each
 * run): `npm run -s test:collector`.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { freePort } from "../bench/gateway/router-process.ts";

const REQUESTS = 40;
const POLLS = 100;
const POLL_MS = 100;
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const WAYS: Readonly<Record<string, Record<string, string>>> = {
  protobuf: {},
  "protobuf, gzipped": { OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" },
  JSON: { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
};

await using folder = await scratchFolder();
for (const file of ["main.go", "go.mod"])
  cpSync(fileURLToPath(new URL(file, import.meta.url)), folder.path(file));
for (const step of [
  ["mod", "tidy"],
  ["build", "-o", "collector", "."],
])
  execFileSync("go", step, { cwd: folder.path(""), stdio: ["ignore", "inherit", "inherit"] });
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const config = await folder.write(
  "collector.yaml",
  `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { debug: { verbosity: detailed } }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [debug] }
    metrics: { receivers: [otlp], exporters: [debug] }
`,
);

let failed = 0;
for (const [way, environment] of Object.entries(WAYS)) {
  const collector = spawn(folder.path("collector"), ["--config", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said = text(collector.stderr);
  await ready();
  await serve({ ...environment, OTEL_EXPORTER_OTLP_ENDPOINT: url });
  await stop(collector);
  const understood = await said;
  const count = (what: RegExp) => (understood.match(what) ?? []).length;
  const found = {
    requests: count(/Kind {11}: Server/g),
    attempts: count(/Kind {11}: Client/g),
    "in the client's trace": count(/Trace ID {7}: 0af7651916cd43dd8448eb211c80319c/g),
    "routing events": count(/-> Name: plimsoll\.routed/g),
    "GenAI's measures": count(/-> Name: gen_ai\.server\./g),
  };
  const ok =
    found.requests === REQUESTS &&
    found.attempts === REQUESTS &&
    found["in the client's trace"] === 2 * REQUESTS &&
    found["routing events"] === REQUESTS &&
    found["GenAI's measures"] === 3;
  if (!ok) failed++;
  const line = Object.entries(found).map(([what, times]) => `${times} ${what}`);
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${way}: ${line.join(", ")}\n`);
}
process.stdout.write(`${Object.keys(WAYS).length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

/** Until it listens. */
async function ready(): Promise<void> {
  for (let poll = 0; poll < POLLS; poll++) {
    const answer = await fetch(`${url}/v1/traces`, { method: "POST" }).catch(() => null);
    if (answer !== null) return;
    await setTimeout(POLL_MS);
  }
  throw new Error("the collector does not listen");
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

async function serve(environment: Record<string, string>): Promise<void> {
  await using engine = await recordingEngine((_seen, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
    const usage = '"usage":{"prompt_tokens":7,"completion_tokens":2}';
    response.end(`data: {"choices":[{"delta":{},"finish_reason":"stop"}],${usage}}\n\ndata: [DONE]\n\n`);
  });
  const gateway = await startGateway(chatPool(engine.url), {
    OTEL_SEMCONV_STABILITY_OPT_IN: "gen_ai_latest_experimental",
    ...environment,
  });
  for (let i = 0; i < REQUESTS; i++) {
    const body = JSON.stringify({ model: "small", stream: true });
    const headers = { traceparent: TRACEPARENT };
    await (await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", body, headers })).text();
  }
  await gateway.stop();
}
