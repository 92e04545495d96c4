import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type OtlpServer, startOtlpServer } from "../../harness/fakes/otlp-server.ts";
import { type ReceivedSpan, receivedSpans } from "../../harness/fakes/otlp-spans.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${PARENT}-01`;
const UNSAMPLED = `00-${TRACE}-${PARENT}-00`;
const STREAM = JSON.stringify({ model: "small", stream: true, max_tokens: 5 });

type Answer = (response: ServerResponse) => void;

const streams: Answer = (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
  response.write('data: {"choices":[{"delta":{"content":"b"}}]}\n\n');
  const usage =
    '"usage":{"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3}}';
  response.end(`data: {"choices":[{"delta":{},"finish_reason":"stop"}],${usage}}\n\ndata: [DONE]\n\n`);
};
const answers =
  (status: number): Answer =>
  (response) =>
    void response.writeHead(status).end("{}");

let collector: OtlpServer;
let engines: RecordingEngine[];
let gateway: RunningGateway;
/** What the engines do, in turn, the last for good. */
let script: Answer[];

const POOLS = (urls: readonly string[]) =>
  `pools: [{ name: chat, kind: vllm, models: [small], urls: [${urls.join(", ")}], policy: least-load }]`;

beforeAll(async () => {
  collector = await startOtlpServer();
  const next = (_seen: unknown, response: ServerResponse) =>
    (script.length > 1 ? (script.shift() as Answer) : script[0])(response);
  engines = await Promise.all([recordingEngine(next), recordingEngine(next)]);
  gateway = await startGateway(
    `admission: { tenants: { none: { requestsPerSecond: 0.001, requestBurst: 1 } } }
tenancy: { header: x-tenant-id }
${POOLS(engines.map(({ url }) => url))}`,
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_SEMCONV_STABILITY_OPT_IN: "gen_ai_latest_experimental",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_BSP_SCHEDULE_DELAY: "1",
      OTEL_SERVICE_NAME: "gateway",
    },
  );
});
afterAll(async () => {
  await gateway.stop();
  await collector.close();
  for (const engine of engines) await engine[Symbol.asyncDispose]();
});
beforeEach(() => {
  script = [streams];
  for (const engine of engines) engine.clear();
});

let asked = 0;

/** Asks under a name of its own. @returns the answer, and the spans of the request once all have come */
async function ask(
  spans: number,
  init: { readonly path?: string; readonly body?: string; readonly headers?: Record<string, string> } = {},
) {
  const id = `r${asked++}`;
  const response = await fetch(gateway.url + (init.path ?? "/v1/chat/completions"), {
    method: "POST",
    body: init.body ?? STREAM,
    headers: { "x-request-id": id, ...init.headers },
  });
  const text = await response.text();
  return { response, text, spans: await spansOf(id, spans) };
}

/** The request's own span first, then those of its attempts, in the order of their beginnings. */
async function spansOf(id: string, count: number): Promise<ReceivedSpan[]> {
  return await vi.waitFor(() => {
    const all = receivedSpans(collector.requests);
    const root = all.find(({ attributes }) => attributes["plimsoll.request_id"] === id);
    const below = all.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    below.sort((a, b) => Number(a.startNs - b.startNs));
    const found = root === undefined ? [] : [root, ...below];
    expect(found).toHaveLength(count);
    return found;
  }, patiently);
}

function sentHeaders() {
  return engines.flatMap(({ recorded }) => recorded.map(({ headers }) => headers));
}

describe("a traced request", () => {
  test("goes on with the client's trace: the engine gets the attempt's span, state and baggage", async () => {
    const headers = { traceparent: SAMPLED, tracestate: "vendor=1", baggage: "user=secret" };
    const { spans } = await ask(2, { headers });
    const [root, attempt] = spans;
    expect(root).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      kind: "server",
      traceState: "vendor=1",
    });
    expect(attempt).toMatchObject({ traceId: TRACE, parentSpanId: root.spanId, kind: "client" });
    expect(sentHeaders()).toEqual([
      expect.objectContaining({
        traceparent: `00-${TRACE}-${attempt.spanId}-01`,
        tracestate: "vendor=1",
        baggage: "user=secret",
      }),
    ]);
    expect(JSON.stringify(collector.requests.map(({ body }) => body.toString()))).not.toContain("secret");
  });

  test("has its route, pool, tokens, finish and times, in the words of HTTP and of GenAI", async () => {
    const { spans, response } = await ask(2);
    const [root, attempt] = spans;
    const shard = response.headers.get("x-plimsoll-shard");
    expect(root).toMatchObject({ name: "chat small", parentSpanId: "", failed: false });
    expect(root.resource).toMatchObject({ "service.name": "gateway", "service.version": "0.1.0" });
    expect(root.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.route": "/v1/chat/completions",
      "url.path": "/v1/chat/completions",
      "http.response.status_code": 200,
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "vllm",
      "gen_ai.request.model": "small",
      "gen_ai.request.max_tokens": 5,
      "gen_ai.request.stream": true,
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 7,
      "gen_ai.usage.output_tokens": 2,
      "gen_ai.usage.cache_read.input_tokens": 3,
      "plimsoll.pool": "chat",
      "plimsoll.shard": shard,
      "plimsoll.outcome": "ok",
      "plimsoll.attempts": 1,
      "plimsoll.frames": 4,
      "plimsoll.finish_reason": "stop",
    });
    const { name, attributes } = attempt;
    expect(name).toBe("chat small");
    expect(attributes).toMatchObject({
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(String(shard).replace("chat/", "")).port),
      "url.full": `${String(shard).replace("chat/", "")}/v1/chat/completions`,
      "http.response.status_code": 200,
      "plimsoll.shard": shard,
    });
    // Who adds tokens up counts them once.
    expect(Object.keys(attributes).filter((key) => key.startsWith("gen_ai.usage"))).toEqual([]);
    expect(root.events.map((event) => event.name)).toEqual([
      "plimsoll.admitted",
      "plimsoll.routed",
      "plimsoll.first_byte",
      "plimsoll.first_token",
    ]);
    const times = [root.startNs, ...root.events.map(({ ns }) => ns), root.endNs];
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
    expect(attempt.startNs >= root.startNs && attempt.endNs <= root.endNs).toBe(true);
  });

  test("says of the chosen shard and of the others what every scorer said", async () => {
    const { spans, response } = await ask(2);
    const routed = spans[0].events.find(({ name }) => name === "plimsoll.routed");
    expect(routed?.attributes).toMatchObject({
      "plimsoll.routing.policy": "least-load",
      "plimsoll.routing.shards": 2,
      "plimsoll.routing.eligible": 2,
      "plimsoll.routing.chosen": response.headers.get("x-plimsoll-shard"),
      "plimsoll.routing.candidates": expect.arrayContaining(
        engines.map(({ url }) => `chat/${url}`),
      ) as string[],
      "plimsoll.routing.costs": [expect.any(Number), expect.any(Number)],
      "plimsoll.routing.score.in-flight-tokens": [expect.any(Number), expect.any(Number)],
      "plimsoll.routing.score.queue-depth": [expect.any(Number), expect.any(Number)],
      "plimsoll.routing.score.kv-use": [expect.any(Number), expect.any(Number)],
    });
  });

  test("that is sent again has a span for each attempt, and says why", async () => {
    script = [answers(503), streams];
    const { spans, response } = await ask(3);
    const [root, first, second] = spans;
    expect(response.status).toBe(200);
    expect([first.failed, first.attributes["error.type"], first.attributes["plimsoll.attempt"]]).toEqual([
      true,
      "503",
      1,
    ]);
    expect([second.failed, second.attributes["http.request.resend_count"]]).toEqual([false, 1]);
    expect(root).toMatchObject({ failed: false, attributes: { "plimsoll.attempts": 2 } });
    expect(root.events.find(({ name }) => name === "plimsoll.resent")?.attributes).toEqual({
      "plimsoll.resent.why": "engine_failed",
      "plimsoll.resent.message": "The engine answered 503.",
    });
    expect(new Set(sentHeaders().map(({ traceparent }) => traceparent))).toEqual(
      new Set([first, second].map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)),
    );
  });

  test("that an engine breaks off has failed, with the reason that its client is given", async () => {
    script = [
      (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n', () => response.destroy());
      },
    ];
    const { spans, text } = await ask(2);
    expect(text).toContain("engine_failed");
    const [root, attempt] = spans;
    expect([root.failed, root.attributes["error.type"], root.attributes["plimsoll.outcome"]]).toEqual([
      true,
      "engine_failed",
      "failed",
    ]);
    expect([attempt.failed, attempt.attributes["error.type"]]).toEqual([true, "engine_failed"]);
  });

  test.each([
    ["{", 400, "invalid_request"],
    ['{"model":"none"}', 404, "model_not_found"],
  ])("that is refused at once has one span: %s", async (body, status, reason) => {
    const { spans, response } = await ask(1, { body });
    expect(response.status).toBe(status);
    expect(spans[0]).toMatchObject({
      name: "POST /v1/chat/completions",
      failed: false,
      attributes: {
        "http.response.status_code": status,
        "error.type": reason,
        "plimsoll.outcome": "client_error",
      },
    });
  });

  test("that a limit refuses has its reason, and no attempt", async () => {
    const headers = { "x-tenant-id": "none" };
    await ask(2, { headers });
    const { spans, response } = await ask(1, { headers });
    expect(response.status).toBe(429);
    expect(spans[0].attributes).toMatchObject({
      "http.response.status_code": 429,
      "error.type": "rate_limited",
      "plimsoll.outcome": "refused",
    });
    expect(spans[0].attributes).not.toHaveProperty("plimsoll.tenant");
  });

  test("whose client leaves is cancelled, and so is its attempt", async () => {
    script = [(response) => response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()];
    const leave = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      body: STREAM,
      headers: { "x-request-id": "leaves" },
      signal: leave.signal,
    });
    expect(response.status).toBe(200);
    leave.abort();
    const [root, attempt] = await spansOf("leaves", 2);
    expect([root.failed, root.attributes["plimsoll.outcome"]]).toEqual([false, "cancelled"]);
    expect([attempt.failed, attempt.attributes["plimsoll.cancelled"]]).toEqual([false, true]);
  });

  test("whose client leaves before all of it has come is cancelled, without an attempt", async () => {
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    const headers = "host: x\r\nx-request-id: half\r\ncontent-length: 100\r\n";
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\n${headers}\r\n{"model"`);
    // What comes later on another connection is answered later.
    await ask(2);
    socket.destroy();
    const [root] = await spansOf("half", 1);
    expect([root.failed, root.attributes["plimsoll.outcome"]]).toEqual([false, "cancelled"]);
    expect(root.attributes).not.toHaveProperty(["http.response.status_code"]);
  });

  test("of a route that is no operation of GenAI has none of its words", async () => {
    script = [answers(200)];
    const { spans } = await ask(2, { path: "/tokenize?secret=1", body: '{"model":"small"}' });
    expect(spans.map(({ name }) => name)).toEqual(["POST /tokenize", "POST /tokenize"]);
    for (const { attributes } of spans) {
      expect(Object.keys(attributes).filter((key) => key.startsWith("gen_ai"))).toEqual([]);
      expect(JSON.stringify(attributes)).not.toContain("secret");
    }
  });
});

describe("a request that is not traced", () => {
  test("keeps its client's trace context, and nothing is sent of it", async () => {
    const before = collector.requests.length;
    await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      body: STREAM,
      headers: { traceparent: UNSAMPLED, tracestate: "vendor=1" },
    }).then((response) => response.text());
    expect(sentHeaders()).toEqual([
      expect.objectContaining({ traceparent: UNSAMPLED, tracestate: "vendor=1" }),
    ]);
    await ask(2);
    const spans = receivedSpans(collector.requests.slice(before));
    expect(spans.filter(({ traceId }) => traceId === TRACE)).toEqual([]);
  });
});

describe("a trace context that is malformed", () => {
  test.each([`00-${"0".repeat(32)}-${PARENT}-01`, `00-${TRACE}-${PARENT}-01-x`, "nonsense"])(
    "%s is ignored, and its state with it",
    async (traceparent) => {
      const { spans } = await ask(2, { headers: { traceparent, tracestate: "vendor=1" } });
      const [root, attempt] = spans;
      expect(root.parentSpanId).toBe("");
      expect(root.traceId).not.toBe(TRACE);
      const [headers] = sentHeaders();
      expect(headers["traceparent"]).toBe(`00-${root.traceId}-${attempt.spanId}-01`);
      expect(headers).not.toHaveProperty("tracestate");
    },
  );
});

describe("other settings", () => {
  const HEADERS = { traceparent: SAMPLED, tracestate: "vendor=1", baggage: "a=b" };

  async function sentBy(environment: Record<string, string>, headers: Record<string, string>) {
    const other = await startGateway(POOLS([engines[0].url]), {
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      ...environment,
    });
    const response = await fetch(`${other.url}/v1/chat/completions`, {
      method: "POST",
      body: STREAM,
      headers,
    });
    await response.text();
    await other.stop();
    return sentHeaders()[0];
  }

  test("without an endpoint a client's context reaches the engine as it came, and nothing is sent", async () => {
    const before = collector.requests.length;
    expect(await sentBy({}, HEADERS)).toMatchObject(HEADERS);
    expect(
      await sentBy({ OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, HEADERS),
    ).toMatchObject(HEADERS);
    expect(collector.requests).toHaveLength(before);
  });

  test("engines learn that nobody records what the gateway does not sample", async () => {
    const before = collector.requests.length;
    const sent = await sentBy(
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, PLIMSOLL_TELEMETRY_SAMPLE: "0" },
      {},
    );
    expect(sent["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(collector.requests).toHaveLength(before);
  });

  test("without propagators contexts pass, and are no parents", async () => {
    const before = collector.requests.length;
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_PROPAGATORS: "none" };
    expect(await sentBy(environment, HEADERS)).toMatchObject(HEADERS);
    // What had ended was sent before the gateway had stopped.
    const spans = receivedSpans(collector.requests.slice(before));
    expect(spans.map(({ kind, name }) => [kind, name])).toEqual([
      ["client", "POST /v1/chat/completions"],
      ["server", "POST /v1/chat/completions"],
    ]);
    expect(spans[1].parentSpanId).toBe("");
    expect(spans[1].attributes).toMatchObject({ "plimsoll.input_tokens": 7, "plimsoll.output_tokens": 2 });
    expect(spans.flatMap(({ attributes }) => Object.keys(attributes)).join()).not.toContain("gen_ai");
  });

  test("tenants and sessions are named where that is asked", async () => {
    const before = collector.requests.length;
    await sentBy(
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, PLIMSOLL_TELEMETRY_NAMES: "true" },
      { "x-session-id": "s1" },
    );
    const root = receivedSpans(collector.requests.slice(before)).find(({ kind }) => kind === "server");
    expect(root?.attributes).toMatchObject({ "plimsoll.tenant": "anonymous", "plimsoll.session": "s1" });
  });

  test("who opts into GenAI's conventions gets its measures too, at the end as well", async () => {
    const before = collector.requests.length;
    await sentBy(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_TRACES_EXPORTER: "none",
        PLIMSOLL_TELEMETRY_GEN_AI: "true",
      },
      {},
    );
    const [request, ...others] = collector.requests.slice(before);
    expect([request.path, others]).toEqual(["/v1/metrics", []]);
    const { resourceMetrics } = JSON.parse(request.body.toString()) as {
      resourceMetrics: {
        scopeMetrics: { metrics: { name: string; histogram: { dataPoints: object[] } }[] }[];
      }[];
    };
    const { metrics } = resourceMetrics[0].scopeMetrics[0];
    expect(metrics.map(({ name, histogram: { dataPoints } }) => [name, dataPoints])).toEqual(
      ["request.duration", "time_to_first_token", "time_per_output_token"].map((name) => [
        `gen_ai.server.${name}`,
        [expect.objectContaining({ count: 1, sum: expect.any(Number) as number })],
      ]),
    );
  });

  test("spans that the collector rejects are said to be lost, in either encoding", async () => {
    for (const [protocol, answer] of [
      ["http/json", '{"partialSuccess":{"rejectedSpans":"2"}}'],
      ["http/protobuf", Uint8Array.of(0x0a, 2, 0x08, 2)],
    ] as const) {
      const strict = await startOtlpServer();
      strict.answerWith(200, answer);
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: strict.url, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
      const other = await startGateway(POOLS([engines[0].url]), environment);
      await (await fetch(`${other.url}/v1/chat/completions`, { method: "POST", body: STREAM })).text();
      await other.stop();
      expect(other.notices).toContain(
        `telemetry: spans to ${strict.url}/v1/traces are lost: it rejects some of a batch; nothing else is affected`,
      );
      await strict.close();
    }
  });

  test("spans are protobuf where nothing else is asked", async () => {
    const before = collector.requests.length;
    await sentBy({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: "" }, HEADERS);
    const { headers, body } = collector.requests[before];
    expect(headers["content-type"]).toBe("application/x-protobuf");
    // The trace's id, as bytes behind their field and length.
    expect(body.includes(Buffer.concat([Buffer.from([0x0a, 16]), Buffer.from(TRACE, "hex")]))).toBe(true);
    expect(body.includes("POST /v1/chat/completions")).toBe(true);
  });
});

describe("lines of the log", () => {
  test("say of which request and trace they are", async () => {
    const lines: Record<string, unknown>[] = [];
    const stderr = vi.spyOn(process.stderr, "write").mockImplementation((line) => {
      lines.push(JSON.parse(String(line)) as Record<string, unknown>);
      return true;
    });
    const loud = await startGateway(POOLS([engines[0].url]), {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      PLIMSOLL_HTTP_LOG_LEVEL: "info",
    });
    const before = collector.requests.length;
    const post = async (id: string, headers: Record<string, string>) => {
      const more = { "x-request-id": id, ...headers };
      const init = { method: "POST", body: STREAM, headers: more };
      await (await fetch(`${loud.url}/v1/chat/completions`, init)).text();
    };
    script = [(response) => void response.destroy()];
    await post("traced", {});
    await post("untraced", { traceparent: UNSAMPLED });
    await loud.stop();
    stderr.mockRestore();
    const root = receivedSpans(collector.requests.slice(before)).find(({ kind }) => kind === "server");
    const of = (id: string) => lines.filter((line) => line["request_id"] === id);
    const [incoming, failed, completed] = of("traced");
    expect(of("traced").map(({ msg }) => msg)).toEqual([
      "incoming request",
      expect.stringContaining(engines[0].url),
      "request completed",
    ]);
    expect(incoming).not.toHaveProperty("trace_id");
    for (const line of [failed, completed])
      expect(line).toMatchObject({ trace_id: root?.traceId, span_id: root?.spanId });
    expect(of("untraced")).toHaveLength(3);
    for (const line of of("untraced")) expect(line).toMatchObject({ trace_id: TRACE, span_id: PARENT });
  });
});

describe("metrics", () => {
  const scrape = async (accept: string) => {
    const response = await fetch(`${gateway.url}/metrics`, { headers: { accept } });
    return { type: response.headers.get("content-type"), text: await response.text() };
  };

  test("name the trace of a request in each bucket, to who asks for OpenMetrics", async () => {
    const { spans } = await ask(2);
    const { type, text } = await scrape("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3");
    expect(type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    for (const name of ["plimsoll_ttft_seconds", "plimsoll_request_seconds"])
      expect(text).toMatch(
        new RegExp(
          `^${name}_bucket\\{pool="chat",le="\\S+"\\} \\d+ # \\{trace_id="${spans[0].traceId}"\\} [\\d.e-]+ [\\d.]+$`,
          "m",
        ),
      );
    expect(text.endsWith("\n# EOF\n")).toBe(true);
    expect(text).toContain("# TYPE plimsoll_requests counter\n");
  });

  test.each(["*/*", "text/plain", "application/openmetrics-text;q=0, text/plain"])(
    "are Prometheus' own form to %s, without traces",
    async (accept) => {
      const { type, text } = await scrape(accept);
      expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
      expect(text).not.toContain("trace_id");
      expect(text).toContain("# TYPE plimsoll_requests_total counter\n");
    },
  );
});
