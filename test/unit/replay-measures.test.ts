import { describe, expect, it } from "vitest";
import type { GoodputTargets } from "../../src/replay/measures/goodput.ts";
import { Measures } from "../../src/replay/measures/measures.ts";
import { RecentRate } from "../../src/replay/measures/recent-rate.ts";
import { CANCELLED, LEFT, type RequestRecord } from "../../src/replay/request-record.ts";
import { replayRecord as record } from "../replay-record.ts";

function measured(...records: readonly RequestRecord[]): Measures {
  return judged(null, ...records);
}

function judged(goodput: GoodputTargets | null, ...records: readonly RequestRecord[]): Measures {
  const measures = new Measures(goodput);
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

  it("count from the send too, where that was late", () => {
    const { ttftMs, sentTtftMs, e2eMs, sentE2eMs } = measured(
      record({ scheduledMs: 100, sentMs: 130, ttftMs: 50, e2eMs: 94 }),
    ).summary(1000);
    expect([ttftMs, sentTtftMs, e2eMs, sentE2eMs].map((one) => one?.max)).toEqual([50, 20, 94, 64]);
  });

  it("keep users who left, and requests that were cut off, out of completed and failed", () => {
    const summary = measured(record({ failure: LEFT }), record({ failure: CANCELLED })).summary(1000);
    expect(summary).toMatchObject({ completed: 0, failed: 0, left: 1, cancelled: 1, outputTokens: 0 });
    expect(summary.shards).toEqual({});
  });

  it("call a request good that holds every target, in `vllm bench serve`'s sense", () => {
    const targets = { ttftMs: 50, tpotMs: 11, e2eMs: 100 };
    const fates = [
      record(),
      record({ ttftMs: 50.1 }),
      record({ e2eMs: 94.1 }),
      record({ e2eMs: 100.1 }),
      record({ ttftMs: 10, outputTokens: 1 }),
      record({ ttftMs: null, outputTokens: 0 }),
      record({ failure: "http_500" }),
    ];
    const goods = fates.map((fate) => judged(targets, fate).summary(1000).good);
    expect(goods).toEqual([1, 0, 0, 0, 1, 0, 0]);
    expect(judged({ ttftMs: null, tpotMs: null, e2eMs: 94 }, record()).summary(1000).good).toBe(1);
    expect(measured(record()).summary(1000).good).toBeNull();
  });

  it("say of tokens where their counts are from, and which answers missed their lengths", () => {
    const summary = measured(
      record({ outputTokens: 3, cachedTokens: 64 }),
      record({ outputTokens: 6, cachedTokens: 0 }),
      record({ outputTokens: 2, tokensFrom: "frames" }),
      record({ tokensFrom: "token_ids", finishReason: "stop", reasoningTokens: 2 }),
    ).summary(1000);
    expect(summary).toMatchObject({
      askedTokens: 20,
      outputTokens: 16,
      shortAnswers: 1,
      longAnswers: 1,
      unknownLengths: 1,
      countedBy: { usage: 2, token_ids: 1, frames: 1 },
      cachedTokens: 64,
      cacheableTokens: 200,
      reasoningTokens: 2,
      finishReasons: { length: 3, stop: 1 },
      frames: { text: 20 },
    });
    expect(measured(record()).summary(1000).cachedTokens).toBeNull();
  });

  it("tell apart the shards and epochs of a Plimsoll, and the tenants of a trace", () => {
    const byTenant = { arrivalMs: 0, inputTokens: 1, outputTokens: 5, tenant: "t" };
    const { shards, epochs, tenants } = measured(
      record({ shard: "a", epoch: 1, ttftMs: 10 }),
      record({ shard: "b", epoch: 1, ttftMs: 90 }),
      record({ shard: "b", epoch: 2, failure: "error_frame" }),
      record({ request: byTenant }),
    ).summary(1000);
    expect(tenants).toMatchObject({ t: { completed: 1, failed: 0 } });
    expect(Object.keys(tenants)).toEqual(["t"]);
    expect(Object.keys(shards)).toEqual(["a", "b"]);
    expect(shards["a"]).toMatchObject({ completed: 1, failed: 0, outputTokens: 5, ttftMs: { max: 10 } });
    expect(shards["b"]).toMatchObject({ completed: 1, failed: 1, outputTokens: 5, ttftMs: { max: 90 } });
    expect(epochs).toMatchObject({ 1: { completed: 2, failed: 0 }, 2: { completed: 0, failed: 1 } });
  });

  it("keep a bounded number of parts, and of servers' words", () => {
    const many = Array.from({ length: 600 }, (_, i) => record({ shard: `s${i}` }));
    const { shards } = measured(...many).summary(1000);
    expect(Object.keys(shards)).toHaveLength(513);
    expect(shards["others"].completed).toBe(88);
    const errors = Array.from({ length: 50 }, (_, i) =>
      record({ failure: "http_500", errorText: `request ${i % 25} failed` }),
    );
    const { errorTexts, failures } = measured(...errors).summary(1000);
    expect(failures).toEqual({ http_500: 50 });
    expect(Object.values(errorTexts)).toEqual(Array(20).fill(2));
  });

  it("find the second with the most tokens", () => {
    const measures = new Measures();
    for (const [ms, tokens] of [
      [100, 4],
      [900, 4],
      [1000, 5],
      [1999, 4],
      [2500, 1],
    ])
      measures.frame(ms, 0, tokens);
    expect(measures.summary(3000).mostTokensInSecond).toBe(9);
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
