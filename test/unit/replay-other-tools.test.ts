import { describe, expect, it } from "vitest";
import { aiperfRecord } from "../../src/replay/report/other-tools/aiperf-record.ts";
import { AiperfSummary } from "../../src/replay/report/other-tools/aiperf-summary.ts";
import { llmDReport } from "../../src/replay/report/other-tools/llm-d-report.ts";
import { RequestSpreads } from "../../src/replay/report/other-tools/request-spreads.ts";
import { vllmResult } from "../../src/replay/report/other-tools/vllm-result.ts";
import { readRequestFigures, type RequestFigures } from "../../src/replay/report/request-figures.ts";
import { requestLine } from "../../src/replay/report/request-line.ts";
import type { RequestRecord } from "../../src/replay/request-record.ts";
import { replayRecord } from "../replay-record.ts";

const STARTED_AT = Date.UTC(2026, 10, 30, 12);

function figuresOf(changes: Partial<RequestRecord> = {}, startedAt = STARTED_AT): RequestFigures {
  return readRequestFigures(JSON.parse(requestLine(replayRecord(changes), startedAt)));
}

const REPORT = {
  date: "20261130-120000",
  started_at: "2026-11-30T12:00:00.000Z",
  ended_at: "2026-11-30T12:00:04.000Z",
  partial: null,
  trace: "t.csv",
  endpoint_type: "chat",
  model_id: "m",
  seed: 3,
  lengths: "forced",
  num_prompts: 4,
  sent: 4,
  duration: 4,
  completed: 2,
  failed: 1,
  cancelled: 1,
  left: 0,
  total_input_tokens: 200,
  total_output_tokens: 10,
  request_throughput: 0.5,
  request_goodput: 0.25,
  output_throughput: 2.5,
  total_token_throughput: 52.5,
  max_output_tokens_per_s: 8,
  max_concurrent_requests: 2,
  mean_ttft_ms: 50,
};

function summed(records: readonly RequestFigures[]): { aiperf: AiperfSummary; spreads: RequestSpreads } {
  const [aiperf, spreads] = [new AiperfSummary(), new RequestSpreads()];
  for (const record of records) {
    aiperf.add(record);
    spreads.add(record);
  }
  return { aiperf, spreads };
}

describe("a line of requests.jsonl", () => {
  it("says what was written, and when the run began to the millisecond", () => {
    const scheduledMs = 1234.999;
    const figures = figuresOf({
      scheduledMs,
      itlMs: [1.25, 2],
      request: { ...replayRecord().request, session: "s", turn: 2 },
    });
    expect(figures).toMatchObject({
      beganAt: STARTED_AT,
      scheduledMs,
      itlMs: [1.25, 2],
      session: "s",
      turn: 2,
    });
  });

  it.each([
    [{}, /`index` is not/],
    [
      { ...(JSON.parse(requestLine(replayRecord(), 0)) as object), itl_ms: [1, "2"] },
      /`itl_ms\[\]` is not a number/,
    ],
  ])("is refused where it is no such line", (line, message) => {
    expect(() => readRequestFigures(line)).toThrow(message);
  });
});

describe("the result of vllm bench serve", () => {
  // Of vLLM 0.33, in its order, without those that hold a list of every request.
  it("has its keys and no others", () => {
    const keys = Object.keys(vllmResult(REPORT));
    expect(keys.slice(0, 22).join(" ")).toBe(
      "date endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness max_concurrency " +
        "duration completed failed total_input_tokens total_output_tokens request_throughput request_goodput " +
        "output_throughput total_token_throughput max_output_tokens_per_s max_concurrent_requests rtfx",
    );
    for (const key of keys.slice(22))
      expect(key).toMatch(/^(?:mean|median|std|p[\d.]+)_(?:ttft|tpot|itl|e2el)_ms$/);
    expect(keys).toContain("p99.9_itl_ms");
  });

  it("has the report's figures, and the backend by vLLM's word", () => {
    expect(vllmResult(REPORT)).toMatchObject({
      backend: "openai-chat",
      request_rate: 1,
      mean_ttft_ms: 50,
      completed: 2,
    });
  });
});

describe("aiperf's files", () => {
  it("have nanoseconds of the wall clock, and times from the send", () => {
    const line = aiperfRecord(figuresOf({ scheduledMs: 1, sentMs: 3.5 }));
    expect(line).toContain(`"credit_issued_ns":${(BigInt(STARTED_AT) + 1n) * 1_000_000n},`);
    expect(line).toContain(`"request_start_ns":${(BigInt(STARTED_AT) * 1000n + 3500n) * 1000n},`);
    const { metadata, metrics, error } = JSON.parse(line) as Record<string, Record<string, unknown>>;
    expect(metadata).toMatchObject({
      x_request_id: "plimsoll-1-0",
      benchmark_phase: "profiling",
      turn_index: 0,
    });
    expect(metrics).toMatchObject({
      time_to_first_token: { value: 47.5, unit: "ms" },
      request_latency: { value: 91.5, unit: "ms" },
      inter_token_latency: { value: 11, unit: "ms" },
      inter_chunk_latency: { value: [10, 10, 10, 10], unit: "ms" },
      output_sequence_length: { value: 5, unit: "tokens" },
    });
    expect(error).toBeNull();
  });

  it("say why a request failed, and which were cancelled", () => {
    const failed = JSON.parse(
      aiperfRecord(figuresOf({ failure: "http_503", status: 503, errorText: "busy" })),
    ) as object;
    expect(failed).toMatchObject({
      metrics: { error_isl: { value: 100, unit: "tokens" } },
      error: { code: 503, type: "http_503", message: "busy" },
    });
    expect(JSON.parse(aiperfRecord(figuresOf({ failure: "cancelled", status: null })))).toMatchObject({
      metadata: { was_cancelled: true, cancellation_time_ns: expect.any(Number) },
      error: { code: 499, type: "cancelled" },
    });
  });

  it("sum up what completed, count failures by kind, and say what is partial", () => {
    const busy = figuresOf({ failure: "http_503", status: 503, errorText: "busy" });
    const { aiperf, spreads } = summed([figuresOf(), figuresOf({ outputTokens: 3 }), busy, busy]);
    expect(aiperf.json({ ...REPORT, partial: "interrupted" }, spreads)).toMatchObject({
      request_count: { unit: "requests", avg: 2 },
      time_to_first_token: { unit: "ms", avg: 48, p1: 48, p99: 48, std: 0, count: 2, sum: 96 },
      output_sequence_length: { unit: "tokens", avg: 4, min: 3, p50: 3, max: 5 },
      good_request_count: { avg: 1 },
      error_request_count: { avg: 2 },
      error_summary: [{ error_details: { code: 503, type: "http_503", message: "busy" }, count: 2 }],
      was_cancelled: true,
      is_complete: false,
    });
  });

  it("count no warm-up", () => {
    const warm = { ...figuresOf(), warmUp: true };
    const { aiperf, spreads } = summed([warm, figuresOf()]);
    expect(aiperf.json(REPORT, spreads)).toMatchObject({ time_to_first_token: { count: 1 } });
    expect(aiperfRecord(warm)).toContain('"benchmark_phase":"warmup"');
  });
});

/** Fields of the schema's `Statistics`, all of which are optional but the first two. */
const STATISTICS = [
  "units",
  "mean",
  "stddev",
  "min",
  "p1",
  "p5",
  "p10",
  "p25",
  "p50",
  "p75",
  "p90",
  "p95",
  "p99",
  "p99p9",
  "max",
];

describe("the llm-d benchmark report", () => {
  it("has its groups, fields and units", () => {
    const { spreads } = summed([figuresOf(), figuresOf()]);
    const report = llmDReport(REPORT, spreads, "0.1.0");
    expect(Object.keys(report)).toEqual(["version", "run", "scenario", "results"]);
    expect(report).toMatchObject({
      version: "0.2.1",
      run: { uid: "plimsoll-1-20261130-120000", time: { duration: "PT4S" } },
      scenario: {
        load: {
          standardized: {
            tool_version: "0.1.0",
            source: "sampled",
            rate_qps: 1,
            input_seq_len: { distribution: "other", value: 100, std_dev: 0, min: 100, max: 100 },
          },
        },
      },
      results: {
        request_performance: {
          aggregate: {
            requests: { total: 4, failures: 1, incomplete: 1, input_length: { units: "count", mean: 100 } },
            latency: {
              time_to_first_token: { units: "ms", mean: 50 },
              time_per_output_token: { units: "ms/token", mean: 11 },
              normalized_time_per_output_token: { units: "ms/token", mean: 18.8 },
            },
            throughput: {
              request_rate: { units: "queries/s", mean: 0.5 },
              output_token_rate: { units: "tokens/s" },
            },
          },
        },
      },
    });
    const { aggregate } = (report["results"] as { request_performance: { aggregate: { latency: object } } })
      .request_performance;
    for (const statistics of Object.values(aggregate.latency) as object[])
      expect(Object.keys(statistics)).toEqual(STATISTICS);
  });

  it("leaves out what a run of nothing has none of", () => {
    const nothing = { ...REPORT, sent: 0, duration: 0, partial: "interrupted" };
    const report = llmDReport(nothing, new RequestSpreads(), "0.1.0");
    const { load } = report["scenario"] as { load: { standardized: object } };
    expect(load.standardized).not.toHaveProperty("rate_qps");
    expect(report["run"]).toMatchObject({ description: "partial: interrupted" });
    expect(report["results"]).toMatchObject({
      request_performance: { aggregate: { latency: { request_latency: null } } },
    });
  });
});
