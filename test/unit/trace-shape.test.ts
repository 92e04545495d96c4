import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { gamma, weibull } from "../../src/lib/deviates.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { SeenBlocks } from "../../src/replay/trace-shape/seen-blocks.ts";
import { TraceShape } from "../../src/replay/trace-shape/trace-shape.ts";

function figuresOf(requests: Iterable<Partial<TraceRequest>>) {
  const shape = new TraceShape();
  for (const request of requests) shape.add({ arrivalMs: 0, inputTokens: 10, outputTokens: 5, ...request });
  return shape.figures();
}

function* gaps(count: number, gap: (n: number) => number): Generator<Partial<TraceRequest>> {
  for (let n = 0, arrivalMs = 0; n < count; n++, arrivalMs += gap(n)) yield { arrivalMs };
}

describe("how unevenly requests come", () => {
  it("is nothing where gaps are equal, and 1 where they are independent", () => {
    expect(figuresOf(gaps(1000, () => 10)).burstiness.gapCv).toBe(0);
    const rng = new Rng(1);
    expect(figuresOf(gaps(20_000, () => rng.exponential(10))).burstiness.gapCv).toBeCloseTo(1, 1);
  });

  it("shows in the fullest window", () => {
    // 100 requests in the 31st second, one in each other of a minute.
    const burst = Array.from({ length: 100 }, (_, i) => ({ arrivalMs: 30_000 + i }));
    const steady = (from: number) => Array.from({ length: 30 }, (_, i) => ({ arrivalMs: from + i * 1000 }));
    const { burstiness, rate } = figuresOf([...steady(0), ...burst, ...steady(31_000)]);
    expect(rate).toBeCloseTo(160 / 60, 5);
    const [second, ten] = burstiness.peaks;
    expect(second).toEqual({ seconds: 1, requests: 100, peakToMean: expect.closeTo(100 / (160 / 60), 5) });
    expect(ten.requests).toBe(109);
    expect(burstiness.peaks.map(({ seconds }) => seconds)).toEqual([1, 10]);
  });

  it("is not known of requests that come at once", () => {
    expect(figuresOf([{}, {}, {}])).toMatchObject({
      rate: null,
      durationMs: 0,
      burstiness: { gapCv: null, peaks: [] },
    });
  });
});

describe("lengths", () => {
  it("have exact means, totals and extremes, and percentiles to three digits", () => {
    const { input, output, correlation } = figuresOf(
      Array.from({ length: 1000 }, (_, i) => ({ inputTokens: i + 1, outputTokens: 2001 - 2 * i })),
    );
    expect(input).toMatchObject({ mean: 500.5, min: 1, p50: 500, p99: 990, max: 1000, total: 500_500 });
    expect(output).toMatchObject({ min: 3, max: 2001 });
    expect(correlation).toBeCloseTo(-1, 9);
  });

  it("are not correlated where one never changes", () => {
    expect(figuresOf([{ inputTokens: 3 }, { inputTokens: 9 }]).correlation).toBeNull();
  });
});

describe("what prompts share", () => {
  it("is seen anywhere, and hit up to the first new block", () => {
    const { prefix, over } = figuresOf([
      { inputTokens: 1024, prefixBlocks: [1, 2] },
      // Block 2 is known, but behind a new one; the last has 476 tokens.
      { arrivalMs: 150, inputTokens: 1500, prefixBlocks: [1, 3, 2] },
      { arrivalMs: 160, inputTokens: 1024, prefixBlocks: [1, 2] },
    ]);
    const prompts = 1024 + 1500 + 1024;
    expect(prefix).toEqual({
      by: "blocks",
      blockTokens: 512,
      distinctBlocks: 3,
      seenPart: (512 + 476 + 1024) / prompts,
      idealHitRate: (512 + 1024) / prompts,
      errorPart: 0,
    });
    expect(over.bins.map(({ cachedTokens }) => cachedTokens)).toEqual([0, 512 + 1024]);
  });

  it("is what turns repeat, where there are no blocks", () => {
    const { prefix, conversations } = figuresOf([
      { inputTokens: 100, outputTokens: 50, session: "a", turn: 1 },
      { inputTokens: 30, session: "b", turn: 1 },
      { inputTokens: 200, outputTokens: 10, session: "a", turn: 2 },
      { inputTokens: 120, session: "a", turn: 3 },
    ]);
    expect(prefix).toMatchObject({ by: "sessions", idealHitRate: (150 + 120) / 450 });
    expect(conversations).toEqual({
      sessions: 2,
      turns: { mean: 2, p50: 1, p95: 3, max: 3 },
      waiting: 2,
    });
  });

  it("is unknown without either", () => {
    expect(figuresOf([{}, {}])).toMatchObject({ prefix: null, conversations: null, tenants: null });
  });

  it("is told of more blocks than are remembered one by one, and how surely", () => {
    const seen = new SeenBlocks();
    const ids = 600_000;
    let wrong = 0;
    for (let id = 0; id < ids; id++) if (seen.add(id * 7919)) wrong++;
    for (let id = 0; id < ids; id += 997) expect(seen.add(id * 7919)).toBe(true);
    expect(seen.errorPart).toBeGreaterThan(0);
    expect(seen.errorPart).toBeLessThan(1e-6);
    expect(wrong).toBeLessThanOrEqual(2);
    expect(seen.ids).toBe(ids - wrong);
  });
});

describe("a long trace", () => {
  it("is shown in parts that get wider, and lose nothing", () => {
    const { over, requests } = figuresOf(gaps(5000, (n) => (n % 7 === 0 ? 40_000 : 300)));
    expect(over.bins.length).toBeLessThanOrEqual(512);
    expect(over.bins.reduce((sum, bin) => sum + bin.requests, 0)).toBe(requests);
    expect(over.bins.reduce((sum, bin) => sum + bin.inputTokens, 0)).toBe(10 * requests);
  });

  it("has the names that are most frequent", () => {
    const { tenants } = figuresOf(
      Array.from({ length: 300 }, (_, i) => ({ tenant: i % 3 === 0 ? "hot" : `t${i % 20}` })),
    );
    expect(tenants?.most[0]).toEqual({ name: "hot", requests: 100 });
    expect(tenants?.most).toHaveLength(10);
    expect(tenants?.names).toBe(21);
    expect((tenants?.most ?? []).reduce((sum, { requests }) => sum + requests, tenants?.others ?? 0)).toBe(
      300,
    );
  });
});

describe("deviates", () => {
  const moments = (draw: () => number) => {
    const drawn = Array.from({ length: 40_000 }, draw);
    const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length;
    return { mean, cv: Math.sqrt(drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length) / mean };
  };

  it.each([0.25, 0.9, 1, 3.5])("of a gamma distribution of shape %d have its mean and variation", (shape) => {
    const rng = new Rng(7);
    const { mean, cv } = moments(() => gamma(rng, shape));
    expect(mean / shape).toBeCloseTo(1, 1);
    expect(cv * Math.sqrt(shape)).toBeCloseTo(1, 1);
  });

  it.each([
    [0.5, 2, Math.sqrt(5)],
    [1, 1, 1],
    [2, Math.sqrt(Math.PI) / 2, Math.sqrt(4 / Math.PI - 1)],
  ])("of a Weibull distribution of shape %d have its mean and variation", (shape, mean, cv) => {
    const rng = new Rng(7);
    const found = moments(() => weibull(rng, shape));
    expect(found.mean / mean).toBeCloseTo(1, 1);
    expect(found.cv / cv).toBeCloseTo(1, 1);
  });
});
