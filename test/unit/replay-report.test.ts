import { describe, expect, it } from "vitest";
import { InputError } from "../../src/lib/errors.ts";
import type { GoodputTargets } from "../../src/replay/measures/goodput.ts";
import { Measures } from "../../src/replay/measures/measures.ts";
import type { ReplayOutcome } from "../../src/replay/replay.ts";
import { emptyOutcome } from "../../src/replay/report/empty-outcome.ts";
import { notices } from "../../src/replay/report/notices.ts";
import { type ReplaySetting, replayReport } from "../../src/replay/report/report.ts";
import { requestLine } from "../../src/replay/report/request-line.ts";
import { checkThreshold, readThreshold } from "../../src/replay/report/thresholds.ts";
import type { RequestRecord } from "../../src/replay/request-record.ts";
import { replayRecord as record } from "../replay-record.ts";

const STARTED_AT = Date.UTC(2026, 10, 30, 12, 0, 0);

const setting: ReplaySetting = {
  trace: "trace.csv",
  traceFormat: "azure",
  traceBroken: 0,
  traceLeftOut: 0,
  promptsBy: "words",
  url: "http://127.0.0.1:8000/",
  endpoint: "chat",
  model: "m",
  speed: 1,
  seed: 1,
  maxInFlight: 8,
  lengths: "forced",
  retries: 0,
  leaving: 0,
  timeoutMs: null,
  goodput: null,
  startedAt: STARTED_AT,
  endedAt: STARTED_AT + 4000,
  partial: null,
};

function outcomeOf(records: readonly RequestRecord[], goodput: GoodputTargets | null = null): ReplayOutcome {
  const measures = new Measures(goodput);
  for (const each of records) {
    measures.sent(each.delayMs);
    measures.ended(each);
  }
  return { ...emptyOutcome(null), ...measures.summary(4000) };
}

describe("the report", () => {
  it("has rates per second and every percentile under vLLM's names", () => {
    const report = replayReport(setting, outcomeOf([record(), record()]));
    expect(report).toMatchObject({
      duration: 4,
      completed: 2,
      request_throughput: 0.5,
      output_throughput: 2.5,
      total_token_throughput: 52.5,
    });
    for (const metric of [
      "ttft",
      "tpot",
      "itl",
      "e2el",
      "schedule_delay",
      "ttft_from_send",
      "e2el_from_send",
    ]) {
      for (const stat of [
        "mean",
        "median",
        "std",
        "p50",
        "p75",
        "p90",
        "p95",
        "p99",
        "p99.9",
        "min",
        "max",
      ]) {
        expect(report[`${stat}_${metric}_ms`]).toBeTypeOf("number");
      }
    }
  });

  // The keys of a result file of vLLM 0.22's `vllm bench serve` for text generation, without those that hold a list
  // of every request.
  it.each([
    "date",
    "endpoint_type",
    "model_id",
    "num_prompts",
    "duration",
    "completed",
    "failed",
    "total_input_tokens",
    "total_output_tokens",
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
    "max_output_tokens_per_s",
    "max_concurrent_requests",
  ])("has vLLM's %s", (key) => {
    expect(Object.keys(replayReport(setting, outcomeOf([record()])))).toContain(key);
  });

  it("says null, not 0, of what was not measured", () => {
    expect(replayReport(setting, emptyOutcome(null))).toMatchObject({
      p99_ttft_ms: null,
      failed_rate: null,
      request_goodput: null,
      cached_rate: null,
      completed: 0,
    });
  });

  it("has the wall clock's times", () => {
    expect(replayReport(setting, emptyOutcome(null))).toMatchObject({
      started_at: "2026-11-30T12:00:00.000Z",
      ended_at: "2026-11-30T12:00:04.000Z",
      date: expect.stringMatching(/^202611(?:29|30)-|^20261201-/),
    });
  });

  it("has goodput and the part of the tokens that was cached", () => {
    const goodput = { ttftMs: 60, tpotMs: null, e2eMs: null };
    const records = [record({ cachedTokens: 25 }), record({ ttftMs: 70 }), record({ failure: "http_500" })];
    expect(replayReport({ ...setting, goodput }, outcomeOf(records, goodput))).toMatchObject({
      request_goodput: 0.25,
      goodput_rate: 1 / 3,
      goodput_targets_ms: { ttft: 60, tpot: null, e2el: null },
      failed_rate: 1 / 3,
      cached_rate: 0.25,
    });
  });

  it("writes a request as one line", () => {
    const line = requestLine(
      record({ index: 7, ttftMs: 50.12345, failure: "http_500", errorText: "a\nb", shard: "s", epoch: 3 }),
      STARTED_AT,
    );
    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toMatchObject({
      index: 7,
      ttft_ms: 50.123,
      ttft_from_send_ms: 48.123,
      error: "http_500",
      error_text: "a\nb",
      output_len: 5,
      requested_output_len: 5,
      sent_at: "2026-11-30T12:00:00.002Z",
      shard: "s",
      epoch: 3,
      frames: { text: 5 },
    });
  });

  it("writes a request that never had a socket", () => {
    const never = record({
      sentMs: null,
      headersMs: null,
      ttftMs: null,
      failure: "ECONNREFUSED",
      status: null,
    });
    expect(JSON.parse(requestLine(never, STARTED_AT))).toMatchObject({
      sent_ms: null,
      sent_at: null,
      ttft_ms: null,
      ttft_from_send_ms: null,
      e2el_from_send_ms: null,
    });
  });
});

describe("what a person is told", () => {
  it("is nothing of a run without faults", () => {
    expect(notices(outcomeOf([record()]), "forced")).toEqual([]);
  });

  it("is that tokens are counts of frames, and that lengths were missed", () => {
    const outcome = outcomeOf([record({ tokensFrom: "frames" }), record({ outputTokens: 4 })]);
    expect(notices(outcome, "natural")).toEqual([
      expect.stringMatching(/^1 of 2 answers came without usage: .* counts of frames/),
      expect.stringMatching(/^1 of 2 answers were not as long as asked for \(1 shorter\), .* natural/),
    ]);
  });

  it("is which answers have no first token, where answers are of tokens", () => {
    const late = record({ ttftMs: null, itlMs: [], firstTokenMs: null });
    expect(notices(outcomeOf([record(), late]), "forced")).toEqual([
      expect.stringMatching(/^1 of 2 answers have no first token: .* in no TTFT, ITL and TPOT\.$/),
    ]);
    expect(notices(outcomeOf([{ ...late, outputTokens: 0, askedTokens: 0 }]), "forced")).toEqual([]);
  });

  it("is that the client fell behind", () => {
    const { client } = emptyOutcome(null);
    const why = ["it stood still once for up to 900 ms while streams were open"];
    const outcome = { ...outcomeOf([record()]), client: { ...client, valid: false, why, lateRequests: 3 } };
    expect(notices(outcome, "forced")).toEqual([
      expect.stringMatching(/^The client fell behind.*stood still once.*3 requests are marked client_late/),
    ]);
  });
});

describe("a threshold", () => {
  const empty = replayReport(setting, emptyOutcome(null));
  const report = replayReport(setting, outcomeOf([record(), record({ failure: "http_500" })]));
  const check = (text: string) => checkThreshold(readThreshold(text, empty), report);

  it.each([
    ["p95_ttft_ms<51", true],
    ["p95_ttft_ms < 49", false],
    ["p99.9_e2el_ms<=94.1", true],
    ["failed_rate<0.01", false],
    ["failed_rate<=50%", true],
    ["completed==1", true],
    ["completed>1", false],
    ["completed>=1", true],
    ["client.stalls==0", true],
    ["samples.itl>3", true],
    ["frames.text==5", true],
  ])("%s is met: %s", (text, met) => {
    expect(check(text)).toMatchObject({ threshold: text, met });
  });

  it.each([
    ["p95_ttft<51", "p95_ttft_ms"],
    ["time_to_first_token_p95<51", "p95_ttft_ms"],
    ["time_to_first_token.avg<51", "mean_ttft_ms"],
    ["inter_token_latency_p99<12", "p99_tpot_ms"],
    ["inter_chunk_latency_p50<11", "p50_itl_ms"],
    ["request_latency_max<95", "max_e2el_ms"],
    ["http_req_duration:p(95)<95", "p95_e2el_ms"],
    ["ttft:p(99.9)<51", "p99.9_ttft_ms"],
    ["e2e_latency_ms_p99p9<95", "p99.9_e2el_ms"],
    ["http_req_duration:med<95", "median_e2el_ms"],
    ["http_req_failed<=50%", "failed_rate"],
    ["http_req_failed:rate<=0.5", "failed_rate"],
    ["http_reqs:rate>=0.25", "request_throughput"],
    ["output_token_throughput>1", "output_throughput"],
    ["output_token_throughput_per_user_p50>90", "p50_output_throughput_per_user"],
    ["error_request_count==1", "failed"],
  ])("%s is about %s", (text, key) => {
    expect(readThreshold(text, empty).key).toBe(key);
    expect(check(text)).toMatchObject({ value: report[key], met: true });
  });

  it("may have its bound in milliseconds or seconds, of a time alone", () => {
    expect(readThreshold("p95_ttft_ms<200ms", empty).bound).toBe(200);
    expect(readThreshold("p95_ttft_ms < 0.2 s", empty).bound).toBe(200);
    expect(() => readThreshold("failed_rate<1s", empty)).toThrow(/is in s, and failed_rate is no time/);
  });

  it("of what was not measured is missed", () => {
    expect(check("client.p99_loop_lateness_ms<1000")).toEqual({
      threshold: "client.p99_loop_lateness_ms<1000",
      value: null,
      met: false,
    });
  });

  it.each([
    ["p95_ttft_ms", /no comparison; expected one like p95_ttft_ms<200/],
    ["p95_ttft_ms<fast", /no comparison/],
    ["p97_ttft_ms<1", /no number of the report/],
    ["p95_ttftms<1", /did you mean p95_ttft_ms or p\d\d_ttft_ms\?/],
    ["faild_rate<1", /did you mean failed_rate\?/],
    ["nonsense_of_all<1", /or goodput$/],
    ["toString_p95<1", /no number of the report/],
    ["trace<1", /no number of the report/],
    ["client<1", /no number of the report/],
    ["constructor<1", /no number of the report/],
    ["goodput>1", /needs targets; give --goodput/],
  ])("%s is refused", (text, message) => {
    expect(() => readThreshold(text, empty)).toThrow(InputError);
    expect(() => readThreshold(text, empty)).toThrow(message);
  });

  it("of goodput is of good requests per second", () => {
    const goodput = { ttftMs: 60, tpotMs: null, e2eMs: null };
    const nothing = replayReport({ ...setting, goodput }, emptyOutcome(goodput));
    const ran = replayReport({ ...setting, goodput }, outcomeOf([record(), record()], goodput));
    const value = (text: string) => checkThreshold(readThreshold(text, nothing), ran).value;
    expect([value("goodput>1"), value("good_rate>=1")]).toEqual([0.5, 1]);
  });
});
