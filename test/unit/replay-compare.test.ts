import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { blockLength, drawBlocks, isShort } from "../../src/replay/compare/blocks.ts";
import { type Comparison, compareRuns } from "../../src/replay/compare/compare-runs.ts";
import { doubts } from "../../src/replay/compare/doubts.ts";
import { compareHighest, highestLoad } from "../../src/replay/compare/highest-load.ts";
import { METRICS, RunMetrics } from "../../src/replay/compare/run-metrics.ts";
import { runValues } from "../../src/replay/compare/run-values.ts";
import { drawnRun, requestFigures } from "../compared-runs.ts";

function verdicts({ metrics }: Comparison): Record<string, string> {
  return Object.fromEntries(metrics.map(({ metric, verdict }) => [metric.key, verdict]));
}

describe("two runs side by side", () => {
  it("do not differ where they are one", () => {
    const comparison = compareRuns(drawnRun(1, 600), drawnRun(1, 600), 1, 100);
    expect(comparison.paired).toBe(true);
    expect(new Set(Object.values(verdicts(comparison)))).toEqual(new Set(["no difference"]));
    for (const { ratio95 } of comparison.metrics) expect(ratio95).toEqual([1, 1]);
  });

  it("say which way they differ, lower latencies and higher rates being better", () => {
    const [fast, slow] = [drawnRun(1, 300, 80), drawnRun(2, 300, 120)];
    expect(verdicts(compareRuns(fast, slow, 1, 100))).toMatchObject({
      mean_ttft_ms: "worse",
      p95_ttft_ms: "worse",
      mean_tpot_ms: "no difference",
      mean_e2el_ms: "worse",
      goodput_rate: "worse",
      p99_ttft_ms: "too few",
    });
    expect(verdicts(compareRuns(slow, fast, 1, 100))).toMatchObject({
      mean_ttft_ms: "better",
      goodput_rate: "better",
    });
  });

  it("are drawn independently where other requests were asked", () => {
    expect(compareRuns(drawnRun(1, 100), drawnRun(1, 101), 1, 50).paired).toBe(false);
  });

  it("have no figure of what was not measured", () => {
    const nothing = runValues([requestFigures({ error: "http_500" })], 1, null);
    expect(verdicts(compareRuns(nothing, nothing, 1, 50))).toMatchObject({
      mean_ttft_ms: "not measured",
      goodput_rate: "not measured",
      failed_rate: "too few",
    });
  });

  it("draw the same for the same seed", () => {
    const [a, b] = [drawnRun(1, 100), drawnRun(2, 100)];
    expect(compareRuns(a, b, 7, 50)).toEqual(compareRuns(a, b, 7, 50));
    expect(compareRuns(a, b, 8, 50)).not.toEqual(compareRuns(a, b, 7, 50));
  });
});

describe("the highest load of a curve", () => {
  const step = (step_load: number, verdict: string | null) => ({ step_load, verdict, goodput_rate: 1 });

  it("is a search's own, or the highest step below the first that was lost", () => {
    const steps = [step(4, "lost"), step(1, "held"), step(2, "held"), step(8, "held")];
    expect(highestLoad({ steps })).toMatchObject({ held: 2, lost: 4 });
    expect(highestLoad({ steps, max_load: 1, max_load_below: 4 })).toMatchObject({ held: 1, lost: 4 });
    expect(highestLoad({ steps: [step(1, "held"), step(2, "client")] })).toMatchObject({
      held: 1,
      lost: null,
    });
    expect(highestLoad({ steps: [step(1, null)] })).toBeNull();
    expect(highestLoad({ steps, max_load: null, max_load_below: 1 })).toBeNull();
  });

  it("is better only where what held is not below what the other lost", () => {
    const at = (held: number, lost: number | null) => {
      return { held, lost, heldGood: { rate: 1, rate95: null }, lostGood: null };
    };
    expect(compareHighest(at(4, 6), at(6, 8))).toMatchObject({ between: [1, 2], verdict: "better" });
    expect(compareHighest(at(4, 6), at(5, 8)).verdict).toBe("no difference");
    expect(compareHighest(at(4, null), at(2, 4))).toMatchObject({ between: [null, 1], verdict: "worse" });
    expect(compareHighest(at(4, 6), null)).toMatchObject({ ratio: null, verdict: "not measured" });
  });
});

describe("the figures of drawn requests", () => {
  it("have the throughput of a window, whichever requests it is of, and latencies of those that count", () => {
    const late = { endedMs: 1200, ttftMs: 900, e2eMs: 1100, itlMs: [50, 50, 50, 50] };
    const requests = [
      requestFigures({ index: 0, endedMs: 600, ttftMs: 300, warmUp: true, itlMs: [150, 100, 20, 20] }),
      requestFigures({ index: 1, scheduledMs: 500, sentMs: 500, endedMs: 600 }),
      requestFigures({ index: 2, ...late }),
      requestFigures({ index: 3, endedMs: 300, warmUp: true }),
    ];
    const values = runValues(requests, 0.5, null, { fromMs: 500, toMs: 1000 });
    const seen = new RunMetrics(values).of(new Uint32Array(values.count).fill(1));
    const metric = Object.fromEntries(seen.map((value, i) => [METRICS[i].key, value]));
    expect(values.index).toEqual(Float64Array.from([0, 1, 2]));
    // Of the first the last three frames, of the second all, of the third two.
    expect(metric).toMatchObject({
      request_throughput: 4,
      output_throughput: 20,
      mean_ttft_ms: 475,
      failed_rate: 0,
    });
    expect(values.meanInFlight).toBeCloseTo(1.4, 9);
  });

  it("are those of the requests, counted as often as they were drawn", () => {
    const requests = [10, 20, 40].map((ttftMs, index) =>
      requestFigures({ index, ttftMs, e2eMs: ttftMs + 40 }),
    );
    const failed = requestFigures({ index: 3, error: "timeout" });
    const warm = requestFigures({ index: 4, ttftMs: 9000, warmUp: true });
    const metrics = new RunMetrics(runValues([failed, ...requests, warm], 2, null));
    const of = (...drawn: number[]) =>
      Object.fromEntries(metrics.of(Uint32Array.from(drawn)).map((value, i) => [METRICS[i].key, value]));
    expect(of(1, 1, 1, 1)).toMatchObject({
      mean_ttft_ms: 70 / 3,
      p50_ttft_ms: 20,
      p99_ttft_ms: 40,
      mean_itl_ms: 10,
      p95_e2el_ms: 80,
      failed_rate: 0.25,
      request_throughput: 1.5,
      output_throughput: 7.5,
    });
    expect(of(3, 1, 0, 0)).toMatchObject({
      mean_ttft_ms: 12.5,
      p50_ttft_ms: 10,
      p99_ttft_ms: 20,
      failed_rate: 0,
    });
    expect(Math.abs(of(1, 1, 1, 1)["p95_itl_ms"] / 10 - 1)).toBeLessThan(0.006);
    expect(of(0, 0, 0, 4)["mean_ttft_ms"]).toBeNaN();
  });
});

describe("blocks", () => {
  it("are as long as what is in flight together, and no longer than a tenth of the run", () => {
    expect(blockLength(1000, 0)).toBe(32);
    expect(blockLength(1000, 20)).toBe(40);
    expect(blockLength(100, 20)).toBe(10);
    expect([isShort(1000, 20), isShort(100, 20)]).toEqual([false, true]);
  });

  it("draw as many requests as there are, in rows that go round", () => {
    const drawn = new Uint32Array(10);
    drawBlocks(drawn, 4, new Rng(1));
    expect(drawn.reduce((sum, count) => sum + count, 0)).toBe(10);
    drawBlocks(drawn, 10, new Rng(1));
    expect([...drawn]).toEqual(Array.from(drawn, () => 1));
  });
});

describe("doubts", () => {
  const report = { trace: "a.csv", seed: 1, lengths: "forced", partial: null, client: { valid: true } };
  const comparison = { paired: true, blocks: [1, 1], short: false, draws: 1, metrics: [] } as const;

  it("are none where the runs were asked the same", () => {
    expect(doubts(report, report, comparison)).toEqual([]);
  });

  it("name what differs, clients that fell behind, partial runs and lengths that were missed", () => {
    const other = {
      ...report,
      trace: "b.csv",
      seed: 2,
      lengths: "natural",
      partial: "interrupted",
      client: { valid: false },
      short_answers: 3,
    };
    expect(doubts(report, other, { ...comparison, paired: false, short: true })).toEqual([
      "The traces differ: a.csv and b.csv.",
      "The seeds differ: 1 and 2.",
      "The ways of giving lengths (--lengths) differ: forced and natural.",
      "The client of run B fell behind: its times are not the server's alone.",
      "Run B is partial: interrupted.",
      "In run B 3 answers were not as long as asked for.",
      "The runs did not ask the same requests, so they are drawn independently: intervals are wider.",
      "A run has too few requests for ten blocks that do not depend on each other: intervals are too narrow.",
    ]);
  });
});
