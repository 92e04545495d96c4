import { describe, expect, it } from "vitest";
import { Measures } from "../../src/replay/measures.ts";
import { RecentRate } from "../../src/replay/recent-rate.ts";
import { replayReport, requestLine } from "../../src/replay/report.ts";
import { CANCELLED, type RequestRecord } from "../../src/replay/request-record.ts";

function record(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    index: 0,
    scheduledMs: 0,
    delayMs: 1,
    failure: null,
    inputTokens: 100,
    outputTokens: 5,
    ttftMs: 50,
    itlMs: [10, 10, 10, 10],
    e2eMs: 94,
    ...changes,
  };
}

function measured(...records: readonly RequestRecord[]): Measures {
  const measures = new Measures();
  for (const each of records) {
    measures.sent(each.delayMs);
    measures.ended(each);
  }
  return measures;
}

describe("the measures of a replay", () => {
  it("take TPOT without the first token", () => {
    const { tpotMs } = measured(record()).summary(1000);
    expect(tpotMs?.mean).toBeCloseTo((94 - 50) / 4, 2);
  });

  it("have no TPOT and no ITL for one token, and no latency for none", () => {
    const one = measured(record({ outputTokens: 1, itlMs: [] })).summary(1000);
    expect(one).toMatchObject({ completed: 1, tpotMs: null, itlMs: null });
    expect(one.ttftMs?.p50).toBeCloseTo(50, 1);
    const none = measured(record({ outputTokens: 0, ttftMs: null, itlMs: [] })).summary(1000);
    expect(none).toMatchObject({ completed: 1, ttftMs: null, tpotMs: null });
  });

  it("take percentiles to three significant digits", () => {
    const records = Array.from({ length: 1000 }, (_, i) => record({ ttftMs: i + 1, e2eMs: 2 * (i + 1) }));
    const { ttftMs, e2eMs } = measured(...records).summary(1000);
    for (const [p, rank] of Object.entries({ p50: 500, p90: 900, p95: 950, p99: 990, mean: 500.5 })) {
      expect(Math.abs((ttftMs?.[p as "p50"] ?? 0) / rank - 1)).toBeLessThan(0.002);
      expect(Math.abs((e2eMs?.[p as "p50"] ?? 0) / (2 * rank) - 1)).toBeLessThan(0.002);
    }
  });

  it("count failures by reason, cancelled requests apart, and neither among the latencies", () => {
    const summary = measured(
      record(),
      record({ failure: "http_500", ttftMs: null, itlMs: [] }),
      record({ failure: "http_500", ttftMs: 9999 }),
      record({ failure: "ECONNRESET", itlMs: [9999] }),
      record({ failure: CANCELLED }),
    ).summary(2000);
    expect(summary).toMatchObject({ sent: 5, completed: 1, failed: 3, cancelled: 1, outputTokens: 5 });
    expect(summary.failures).toEqual({ http_500: 2, ECONNRESET: 1 });
    expect(summary.ttftMs?.p99).toBeLessThan(60);
    expect(summary.itlMs?.p99).toBeLessThan(11);
  });

  it("remember the most that was in flight at once", () => {
    const measures = new Measures();
    for (let i = 0; i < 3; i++) measures.sent(0);
    measures.ended(record());
    measures.sent(0);
    expect(measures.inFlight).toBe(3);
    expect(measures.live(10)).toMatchObject({ sent: 4, inFlight: 3, completed: 1 });
    expect(measures.summary(10).maxInFlight).toBe(3);
  });

  it("show the tokens of the last seconds while requests run", () => {
    const measures = new Measures();
    measures.sent(0);
    measures.frame(500, 300);
    measures.frame(1500, 0);
    expect(measures.live(2000)).toMatchObject({ inputTokensPerSecond: 150, outputTokensPerSecond: 1 });
    expect(measures.live(60_000)).toMatchObject({ inputTokensPerSecond: 0, outputTokensPerSecond: 0 });
  });
});

it("a live view's latencies forget what was long ago", () => {
  const before = Array.from({ length: 300 }, () =>
    record({ ttftMs: 5000, itlMs: Array(20).fill(900) as number[] }),
  );
  const since = Array.from({ length: 256 }, (_, i) =>
    record({ ttftMs: i + 1, itlMs: Array(16).fill(i + 1) as number[] }),
  );
  expect(measured().live(1).ttftMs).toBeNull();
  expect(measured(...before).live(1000)).toMatchObject({ ttftMs: { p50: 5000 }, itlMs: { p95: 900 } });
  const { ttftMs, itlMs } = measured(...before, ...since).live(2000);
  expect([ttftMs, itlMs]).toEqual([
    { p50: 128, p95: 244 },
    { p50: 128, p95: 244 },
  ]);
});

describe("a recent rate", () => {
  it("forgets what is older than ten seconds", () => {
    const rate = new RecentRate();
    for (let second = 0; second < 30; second++) rate.add(second * 1000, second < 20 ? 100 : 7);
    expect(rate.perSecond(30_000 - 1e-6)).toBeCloseTo(7, 5);
  });

  it("is nothing at the beginning", () => {
    expect(new RecentRate().perSecond(0)).toBe(0);
  });
});

describe("the report", () => {
  const setting = {
    trace: "trace.csv",
    server: new URL("http://127.0.0.1:8000"),
    model: "m",
    speed: 1,
    seed: 1,
    maxInFlight: 8,
  };

  it("has rates per second and every percentile under vLLM's names", () => {
    const report = replayReport(setting, measured(record(), record()).summary(4000));
    expect(report).toMatchObject({
      duration: 4,
      completed: 2,
      request_throughput: 0.5,
      output_throughput: 2.5,
      total_token_throughput: 52.5,
    });
    for (const metric of ["ttft", "tpot", "itl", "e2el", "schedule_delay"]) {
      for (const stat of ["mean", "p50", "p90", "p95", "p99"]) {
        expect(report[`${stat}_${metric}_ms`]).toBeTypeOf("number");
      }
    }
  });

  it("says null, not 0, of what was not measured", () => {
    expect(replayReport(setting, new Measures().summary(1000))).toMatchObject({
      p99_ttft_ms: null,
      completed: 0,
    });
  });

  it("writes a request as one line", () => {
    const line = requestLine(record({ index: 7, ttftMs: 50.12345, failure: "http_500" }));
    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toMatchObject({ index: 7, ttft_ms: 50.123, error: "http_500", output_len: 5 });
  });
});
