import { describe, expect, test } from "vitest";
import { type HistoryRow, joined, rowAt, rowsOn } from "../../src/dashboard/history/history-row.ts";
import { linePoints, withSeconds } from "../../src/dashboard/history/line-points.ts";
import { anchorOf, rangeNamed, spanOf } from "../../src/dashboard/history/ranges.ts";
import { quietFigures } from "../../src/control/history/pool-row.ts";
import { historyJson } from "../../src/http/history-answer.ts";
import { poolReport } from "./pool-report-fixture.ts";

/** As the gateway answers. @param at seconds */
function row(at: number, differences: Partial<HistoryRow> = {}): HistoryRow {
  const quiet = quietFigures({ epoch: 1, lostRanks: 0, missingExperts: 0 });
  const history = { pool: [{ ...quiet, spanMs: 1000, tokens: 500, atS: at, seconds: 1 }], traffic: [] };
  const answer = historyJson("p", history, { from: 0, to: at * 1000 + 1, step: 1 });
  return { ...(answer as { rows: HistoryRow[] }).rows[0], ...differences };
}

const gapsOf = (rows: readonly HistoryRow[], figure: "tokensPerSecond" | "ttftP95" = "tokensPerSecond") =>
  linePoints(rows, figure).flatMap(([at, value]) => (value === null ? [at / 1000] : []));

describe("a line", () => {
  test("goes through the middle of its rows, and has a gap where nothing is known", () => {
    expect(linePoints([row(10), row(11)], "tokensPerSecond")).toEqual([
      [10_500, 5],
      [11_500, 5],
    ]);
    expect(gapsOf([row(10), row(12), row(13)])).toEqual([]);
    expect(gapsOf([row(10), row(20)])).toEqual([15.5]);
    expect(gapsOf([row(60, { seconds: 60 }), row(120, { seconds: 60 }), row(300, { seconds: 60 })])).toEqual([
      240,
    ]);
  });

  test("has none within a window that is longer than a row, and one where a figure is missing for long", () => {
    const none = { tokensPerSecond: null, measuredMs: 0 };
    const window = { measuredMs: 5000 };
    expect(gapsOf([row(4, window), row(5, none), row(6, none), row(9, window), row(14, window)])).toEqual([]);
    expect(gapsOf([row(4, window), row(9, none), row(19, window)])).toEqual([10]);
    expect(linePoints([row(1, none)], "tokensPerSecond")).toEqual([]);
  });

  test("of what gateways measure is known for ten seconds at a time", () => {
    const measured = { ttftP95: 100 };
    expect(gapsOf([row(0, measured), row(10, measured), row(15)], "ttftP95")).toEqual([]);
    expect(gapsOf([row(0, measured), row(30, measured)], "ttftP95")).toEqual([11]);
  });
});

test("seconds that have come since the last was stored follow it", () => {
  const samples = [10, 11, 12, 13].map((end) => poolReport({ atMs: end * 1000 + 300, tokensPerSecond: end }));
  const rows = withSeconds([row(10)], samples, 0);
  expect(rows.map(({ at, tokensPerSecond }) => [at, tokensPerSecond])).toEqual([
    [10_000, 5],
    [11_300, 12],
    [12_300, 13],
  ]);
  expect(rows[2]).toMatchObject({ ttftP95: null, lostRanks: null, epoch: null });
  const late = [13, 24, 60].map((end) => poolReport({ atMs: end * 1000 }));
  expect(withSeconds([row(10)], late, 0).map(({ measuredMs }) => measuredMs)).toEqual([
    1000, 2000, 11_000, 1000,
  ]);
  expect(withSeconds([], samples, 11_000).map(({ at }) => at)).toEqual([11_300, 12_300]);
});

test("a moment has the row it lies in, also between rows, and none where nothing is known", () => {
  const rows = [row(10), row(12), row(30, { measuredMs: 4000 })];
  const at = (seconds: number) => rowAt(rows, seconds * 1000)?.at ?? null;
  expect([9.9, 10, 10.9, 11.5, 12.5, 13, 26.9, 27, 30.9, 31].map(at)).toEqual([
    null,
    10_000,
    10_000,
    12_000,
    12_000,
    null,
    null,
    30_000,
    30_000,
    null,
  ]);
});

test("keys go from row to row, over times of which nothing is known, to moments that have a row", () => {
  const rows = [row(10), row(12), row(30, { measuredMs: 4000 }), row(30.7)];
  const from = (at: number | null, steps: number) => rowsOn(rows, at, steps);
  expect([from(null, -1), from(null, -2), from(null, -3), from(null, -5)]).toEqual([
    31_000,
    30_000,
    12_000,
    null,
  ]);
  expect([from(30_000, -1), from(12_000, 1), from(20_000, -1), from(31_000, 1)]).toEqual([
    12_000,
    30_000,
    12_000,
    null,
  ]);
  for (let steps = -4; steps < 0; steps++) expect(rowAt(rows, from(null, steps) as number)).not.toBeNull();
});

test("what was asked for again takes the place of what was known", () => {
  const fresh = [row(11, { ttftP95: 5 }), row(12)];
  expect(joined([row(10), row(11)], fresh, 11_000)).toEqual([row(10), ...fresh]);
});

test("what is shown goes on until now, or lies around a moment that is past, and stays while it can be seen", () => {
  const range = rangeNamed("5m");
  const now = 10_000_000;
  expect(spanOf(range, null, now)).toEqual({ from: now - 300_000, to: now });
  expect(anchorOf(range, null, null, now)).toBeNull();
  expect(anchorOf(range, null, now - 200_000, now)).toBeNull();
  expect(anchorOf(range, null, now + 5000, now)).toBeNull();
  const past = now - 1_000_000;
  expect(anchorOf(range, null, past, now)).toBe(past);
  expect(spanOf(range, past, now)).toEqual({ from: past - 150_000, to: past + 150_000 });
  expect(anchorOf(range, past, past + 100_000, now)).toBe(past);
  expect(anchorOf(range, past, past + 200_000, now)).toBe(past + 200_000);
  expect(anchorOf(range, past, null, now)).toBeNull();
});
