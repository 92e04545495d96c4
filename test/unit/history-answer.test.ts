import { describe, expect, test } from "vitest";
import type { PoolHistory } from "../../src/control/history/pool-history.ts";
import { type PoolRow, quietFigures } from "../../src/control/history/pool-row.ts";
import { historyCsv, historyJson } from "../../src/http/history-answer.ts";

const AT_S = 1_799_999_940;

function row(atS: number, differences: Partial<PoolRow>): PoolRow {
  const quiet = quietFigures({ epoch: 1, lostRanks: 0, missingExperts: 0 });
  return { ...quiet, atS, seconds: 1, ...differences };
}

const busy = {
  spanMs: 1000,
  tokens: 10_000,
  sumMean: 300,
  sumMax: 400,
  pairs: 200,
  hops: 500,
  nodeHops: 100,
};
const steps = {
  steps: 4,
  stepTime: 100_000,
  queueWindows: 1,
  running: 8,
  waiting: 2,
  kvUse: 512,
  peak: 1834,
};
const history: PoolHistory = {
  pool: [
    row(AT_S, { ...busy, ...steps }),
    row(AT_S + 1, { lostRanks: 2 }),
    row(AT_S + 61, { ...busy, sumMax: 600 }),
  ],
  traffic: [
    { atS: AT_S, seconds: 10, spanMs: 10_000, ended: 30, failed: 3, ttft: [10], itl: [] },
    { atS: AT_S + 60, seconds: 10, spanMs: 5000, ended: 10, failed: 0, ttft: [], itl: [] },
  ],
};
const question = { from: AT_S * 1000, to: (AT_S + 100) * 1000 };

interface Answer {
  readonly whole: Record<string, unknown> | null;
  readonly rows: readonly Record<string, unknown>[];
}
const answer = (more: object) => historyJson("p", history, { ...question, step: 1, ...more }) as Answer;

describe("the answer in JSON", () => {
  test("has figures of what was measured, and null for what was not", () => {
    const { rows } = answer({});
    expect(rows[0]).toMatchObject({
      at: AT_S * 1000,
      seconds: 1,
      tokensPerSecond: 100,
      balancedness: 0.75,
      hopsPerToken: 2.5,
      nodeHopsPerToken: 0.5,
      stepMs: 25,
      peak: 1.834,
      running: 8,
      kvUse: 0.512,
      requestsPerSecond: 3,
      failedPerSecond: 0.3,
      ttftP50: 0.1,
      itlP50: null,
    });
    const nothing = { tokensPerSecond: null, balancedness: null, stepMs: null, running: null, peak: null };
    expect(rows[1]).toMatchObject({ ...nothing, lostRanks: 2, requestsPerSecond: 3 });
    expect(rows[2]).toMatchObject({ hopsPerToken: 2.5, stepMs: null, waiting: null, requestsPerSecond: 2 });
  });

  test("puts rows together in steps, and all of them as a whole", () => {
    const { rows, whole } = answer({ step: 60 });
    expect(
      rows.map(({ at, seconds, balancedness, lostRanks }) => [at, seconds, balancedness, lostRanks]),
    ).toEqual([
      [AT_S * 1000, 60, 0.75, 2],
      [(AT_S + 60) * 1000, 60, 0.5, 0],
    ]);
    expect(whole).toMatchObject({
      tokensPerSecond: 100,
      balancedness: 0.6,
      requestsPerSecond: 2.66667,
      lostRanks: 2,
    });
  });

  test("has only what begins in the time asked for", () => {
    expect(answer({ from: question.from + 1 }).rows.length).toBe(2);
    expect(answer({ to: question.from + 1 }).rows.length).toBe(1);
    expect(answer({ from: question.to - 1 })).toMatchObject({ whole: null, rows: [] });
  });
});

test("the answer in CSV has a header with units, and nothing for what was not measured", () => {
  const [header, first, second, , end] = historyCsv(history, { ...question, step: 1 }).split("\n");
  const names = header.split(",");
  const value = (line: string, name: string) => line.split(",")[names.indexOf(name)];
  expect(names.slice(0, 4)).toEqual(["time_utc", "seconds", "measured_ms", "tokens_per_s"]);
  expect(new Set(names).size).toBe(23);
  expect(value(first, "time_utc")).toBe("2027-01-15T07:59:00.000Z");
  expect([value(first, "step_ms"), value(first, "kv_use_most"), value(first, "ttft_p99_ms")]).toEqual([
    "25",
    "0.512",
    "0.1",
  ]);
  expect([value(second, "tokens_per_s"), value(second, "lost_ranks_most")]).toEqual(["", "2"]);
  expect(second.split(",").length).toBe(names.length);
  expect(end).toBe("");
});
