import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpEngineOptions } from "../../src/engines/http/http-engine.ts";
import { openAiEngine } from "../../src/engines/openai/openai-engine.ts";
import { sglangEngine } from "../../src/engines/sglang/sglang-engine.ts";
import { trtllmEngine } from "../../src/engines/trtllm/trtllm-engine.ts";
import { vllmEngine } from "../../src/engines/vllm/vllm-engine.ts";
import type { Engine } from "../../src/serving/engine.ts";
import { type ShardReport, shardReports } from "../../src/serving/health/shard-reports.ts";
import { header, respond } from "../engine-response.ts";
import { type FakeServer, startFake } from "../../harness/fakes/start-openai-server.ts";
import { engineContract } from "./engine-contract.ts";
import { serverContract } from "./server-contract.ts";

const signal = new AbortController().signal;
const timeouts = { connectTimeoutMs: 1000, firstTokenTimeoutMs: 5000, idleTimeoutMs: 5000, connections: 0 };

function options(url: string, dataParallelSize = 1, offset = 0): HttpEngineOptions {
  return { pool: "chat", urls: [url], dataParallelSize, rankOffsets: [offset], apiKey: null, timeouts };
}

const chat = {
  method: "POST",
  path: "/v1/chat/completions",
  headers: [],
  body: Buffer.from('{"model":"small","messages":[{"role":"user","content":"Hello"}]}'),
} as const;

function fakeOf(kind: "vllm" | "sglang" | "trtllm"): () => FakeServer {
  let fake: FakeServer;
  beforeAll(async () => {
    fake = await startFake(kind);
  });
  afterAll(() => fake.kill());
  return () => fake;
}

function wholeContract(
  kind: "vllm" | "sglang" | "trtllm",
  make: (own: HttpEngineOptions) => Engine,
  rankHeader: string | null,
  kvCapacityTokens: number,
): () => FakeServer {
  const fake = fakeOf(kind);
  engineContract(async () => {
    const engine = make(options(fake().url));
    return {
      engine,
      model: "small",
      busy: async () => (await fake().seen()).some((request) => request.fate === "open"),
      close: () => engine.close(),
    };
  });
  const open = (url: string, ranks: number, offset = 0) => make(options(url, ranks, offset));
  serverContract({ open, fake, rankHeader, kvCapacityTokens });
  return fake;
}

async function probed(engine: Engine): Promise<readonly ShardReport[]> {
  const reports = await shardReports(engine.servers[0], signal);
  await engine.close();
  return reports;
}

describe("vllm", () => {
  const fake = wholeContract("vllm", vllmEngine, "x-data-parallel-rank", 16 * 2048);

  test("a server of several reports its ranks by their numbers in the deployment, and is asked by their place in it", async () => {
    await fake().set({
      turned: [
        ['engine="1"', 'engine="9"'],
        ['engine="0"', 'engine="8"'],
      ],
      ranks: [
        { running: 3, waiting: 0, kvUse: 0 },
        { running: 4, waiting: 0, kvUse: 0 },
      ],
    });
    const engine = vllmEngine(options(fake().url, 2, 8));
    expect(engine.shards.map(({ id, rank }) => [id, rank])).toEqual([
      [`chat/${fake().url}@8`, 0],
      [`chat/${fake().url}@9`, 1],
    ]);
    await respond(engine, engine.shards[1], chat);
    expect((await fake().seen()).at(-1)?.headers["x-data-parallel-rank"]).toBe("1");
    expect((await shardReports(engine.servers[0], signal)).map(({ load }) => load?.running)).toEqual([3, 4]);
    await engine.close();
    const [wrong] = await probed(vllmEngine(options(fake().url, 2)));
    const lack = "GET /metrics lists no vllm:num_requests_running of engine 0, only of 8, 9";
    expect(wrong).toEqual({ ready: true, load: null, lack });
    await fake().set({ turned: [] });
  });

  test("a server of fewer ranks than configured does not serve the others", async () => {
    const ranks = [0, 1].map(() => ({ running: 0, waiting: 0, kvUse: 0 }));
    await fake().set({ ranks });
    const reports = await probed(vllmEngine(options(fake().url, 3)));
    expect(reports.map(({ ready }) => ready)).toEqual([true, true, false]);
    expect(reports[2].lack).toBe("GET /metrics lists no vllm:num_requests_running of engine 2, only of 0, 1");
  });

  test("a server that reports its cache but no requests, as 0.32 does with several API servers, reports no load", async () => {
    await fake().set({ turned: [["vllm:num_requests_", "vllm:other_"]] });
    const [report] = await probed(vllmEngine(options(fake().url, 2)));
    expect(report).toEqual({
      ready: true,
      load: null,
      lack: "GET /metrics lists no vllm:num_requests_running",
    });
    await fake().set({ turned: [] });
  });

  test("reads the older name of the KV use", async () => {
    await fake().set({
      turned: [["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]],
      ranks: [0.5, 0.25].map((kvUse) => ({ running: 0, waiting: 0, kvUse })),
    });
    const reports = await probed(vllmEngine(options(fake().url, 2)));
    expect(reports.map(({ load }) => load?.kvUse)).toEqual([0.5, 0.25]);
    await fake().set({ turned: [] });
  });

  test.each([
    ["--disable-log-stats", { turned: [["vllm:", "python_"]] }, "lists no vllm:num_requests_running"],
    ["no metrics", { status: { "/metrics": 404 } }, "answered 404"],
  ])("says why there is no load: %s", async (_, state, why) => {
    await fake().set(state as Parameters<FakeServer["set"]>[0]);
    const reports = await probed(vllmEngine(options(fake().url)));
    expect(reports).toEqual([{ ready: true, load: null, lack: `GET /metrics ${why}` }]);
    await fake().set({ turned: [], status: {} });
  });

  test("reads the KV use that comes with an answer, and keeps it from who did not ask", async () => {
    const engine = vllmEngine(options(fake().url));
    const quiet = await respond(engine, engine.shards[0], chat);
    expect(quiet.kvUse).toBe(0.4);
    expect(header(quiet, "endpoint-load-metrics")).toBeNull();
    const headers = ["Endpoint-Load-Metrics-Format", "JSON"];
    const asked = await respond(engine, engine.shards[0], { ...chat, headers });
    expect(asked.kvUse).toBe(0.4);
    expect(header(asked, "endpoint-load-metrics")).toContain("named_metrics");
    const text = await respond(engine, engine.shards[0], { ...chat, headers: [headers[0], "TEXT"] });
    expect((await fake().seen()).at(-1)?.headers["endpoint-load-metrics-format"]).toBe("TEXT");
    expect(text.kvUse).toBeNull();
    await engine.close();
  });
});

describe("sglang", () => {
  const make = (own: HttpEngineOptions) => sglangEngine({ ...own, bootstrapPorts: [] });
  const fake = wholeContract("sglang", make, "x-data-parallel-rank", 48_000);
  const ranks = [
    { running: 7, waiting: 2, kvUse: 0.25 },
    { running: 4, waiting: 0, kvUse: 0.125 },
  ];

  test.each([
    ["/get_load", { "/v1/loads": 404 }, { kvUse: null, kvCapacityTokens: null }],
    ["/metrics", { "/v1/loads": 404, "/get_load": 404 }, { kvUse: 0.25, kvCapacityTokens: 48_000 }],
  ])("falls back on %s", async (_, status, kv) => {
    await fake().set({ status, ranks });
    const [first, second] = await probed(make(options(fake().url, 2)));
    expect(first).toEqual({ ready: true, load: { running: 7, waiting: 2, ...kv }, lack: null });
    expect(second.load).toMatchObject({ running: 4, waiting: 0 });
    await fake().set({ status: {} });
  });

  test("reads metrics by either prefix", async () => {
    const status = { "/v1/loads": 404, "/get_load": 404 };
    await fake().set({ status, ranks, turned: [["sglang:", "sglang_"]] });
    const reports = await probed(make(options(fake().url, 2)));
    expect(reports.map(({ load }) => load?.running)).toEqual([7, 4]);
    await fake().set({ status: {}, turned: [] });
  });

  test.each([
    [
      "has no cache yet",
      ['"max_total_num_tokens":48000', '"max_total_num_tokens":0'],
      "reports no KV cache of rank 0 yet",
    ],
    ["has ranks of other numbers", ['"dp_rank":', '"dp_rank":1'], "lists no rank 0, only 10, 11"],
  ])("is not ready while it %s", async (_, [from, to], why) => {
    await fake().set({ turned: [[from, to]] });
    const [report] = await probed(make(options(fake().url, 2)));
    expect(report).toEqual({ ready: false, load: null, lack: `GET /v1/loads ${why}` });
    await fake().set({ turned: [] });
  });

  test("reports no load when it lists no rank", async () => {
    await fake().set({ ranks: [] });
    const lack = "GET /v1/loads lists no rank";
    expect(await probed(make(options(fake().url)))).toEqual([{ ready: true, load: null, lack }]);
    await fake().set({ ranks });
  });

  test("says why there is no load", async () => {
    await fake().set({ turned: [['"loads"', '"odd"']] });
    const odd = "GET /v1/loads answered something else than loads";
    expect(await probed(make(options(fake().url)))).toEqual([{ ready: true, load: null, lack: odd }]);
    await fake().set({ turned: [], status: { "/v1/loads": 404, "/get_load": 404, "/metrics": 404 } });
    const none = "GET /v1/loads answered 404, /get_load 404 and /metrics 404";
    expect(await probed(make(options(fake().url)))).toEqual([{ ready: true, load: null, lack: none }]);
    await fake().set({ status: {} });
  });

  test("is never asked for its settings, which hold its keys", async () => {
    expect((await fake().seen()).filter(({ url }) => url.includes("server_info"))).toEqual([]);
  });
});

describe("trtllm", () => {
  const fake = wholeContract("trtllm", trtllmEngine, null, 32_000);

  test("says why there is no load, and leaves the queue of iterations to others", async () => {
    await fake().set({ status: { "/prometheus/metrics": 404 } });
    const lack = "GET /prometheus/metrics answered 404";
    expect(await probed(trtllmEngine(options(fake().url)))).toEqual([{ ready: true, load: null, lack }]);
    await fake().set({ status: {} });
    expect((await fake().seen()).filter(({ url }) => url === "/metrics")).toEqual([]);
  });

  test("a rank that no request can name is refused", () => {
    expect(() => trtllmEngine(options(fake().url, 2))).toThrow(
      "pool chat: dataParallelSize is 2, but no request can name a rank to TensorRT-LLM; expected 1",
    );
  });

  test("of a server of no known kind health counts; where it has no such route, that models are listed", async () => {
    const plain = () => probed(openAiEngine(options(fake().url)));
    const lack = "an OpenAI-compatible server of no known kind reports no load";
    const ready = [{ ready: true, load: null, lack }];
    const not = (why: string) => [{ ready: false, load: null, lack: why }];
    expect(await plain()).toEqual(ready);
    await fake().set({ status: { "/v1/models": 500 } });
    expect(await plain()).toEqual(ready);
    await fake().set({ status: {}, health: 503 });
    expect(await plain()).toEqual(not("GET /health answered 503"));
    await fake().set({ health: 401 });
    expect(await plain()).toEqual(not("GET /health answered 401: it wants another API key (apiKeyEnv)"));
    for (const health of [404, 405, 501]) {
      await fake().set({ status: {}, health });
      expect(await plain()).toEqual(ready);
      await fake().set({ status: { "/v1/models": 503 } });
      expect(await plain()).toEqual(not(`GET /health answered ${health} and GET /v1/models 503`));
    }
    await fake().set({ status: {}, health: 200 });
  });
});
