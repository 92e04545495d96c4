import { expect, test } from "vitest";
import { parseEngine } from "../../src/control/ingest/engine-report.ts";
import { mostReportBytes } from "../../src/control/ingest/report-size.ts";
import { windowOfEngine } from "../../src/control/ingest/window-of-engine.ts";

const body = {
  name: "vllm 0.32.0",
  step: 123456,
  rebalances: 12,
  rebalanceEvery: 3000,
  dispatch: "rank-table",
  balancedness: 0.93,
  ranks: [{ map: "AB", table: "01", expected: "01" }],
};

test("reads what an engine says of its load balancing", () => {
  const ranks = [{ map: "ab", table: "01", expected: "01" }];
  expect(parseEngine(body)).toEqual({ ...body, ranks });
  expect([parseEngine(undefined), parseEngine(null)]).toEqual([null, null]);
});

test("what there may be nothing to say of may be absent, or null", () => {
  const { balancedness: _balancedness, ranks: _ranks, ...least } = body;
  expect(parseEngine(least)).toEqual({ ...least, balancedness: null, ranks: [] });
  expect(parseEngine({ ...body, balancedness: null, ranks: [{ map: null }] })).toMatchObject({
    balancedness: null,
    ranks: [{ map: null, table: null, expected: null }],
  });
  expect(parseEngine({ ...body, balancedness: 1.0000002 })?.balancedness).toBe(1);
});

test.each<[unknown, string]>([
  [7, "body: engine is 7; expected an object"],
  [[body], "engine is a list of 1; expected an object"],
  [{}, "engine.name is missing; expected text of 1 to 64 letters"],
  [{ ...body, name: "x".repeat(65) }, "engine.name is "],
  [{ ...body, name: "" }, "engine.name is "],
  [{ ...body, step: -1 }, "engine.step is -1; expected a whole number ≥ 0"],
  [{ ...body, step: 1e300 }, "engine.step is 1e+300; expected"],
  [{ ...body, rebalances: "12" }, 'engine.rebalances is "12"; expected'],
  [{ ...body, rebalanceEvery: undefined }, "engine.rebalanceEvery is missing; expected"],
  [{ ...body, dispatch: "lp" }, 'engine.dispatch is "lp"; expected "shares", "even", "static"'],
  [{ ...body, balancedness: 1.1 }, "engine.balancedness is 1.1; expected a number in 0..1, or null"],
  [{ ...body, balancedness: Number.NaN }, "engine.balancedness is NaN"],
  [{ ...body, ranks: {} }, "engine.ranks is an object; expected a list of 4096 ranks at most"],
  [{ ...body, ranks: Array(4097).fill(null) }, "engine.ranks is a list of 4097; expected"],
  [{ ...body, ranks: [{}, null] }, "engine.ranks[1] is null; expected an object"],
  [{ ...body, ranks: [{ table: "0g" }] }, 'engine.ranks[0].table is "0g"; expected 1 to 64 hexadecimal'],
  [{ ...body, ranks: [{ map: "a".repeat(65) }] }, "engine.ranks[0].map is "],
  [{ ...body, ranks: [{ expected: 7 }] }, "engine.ranks[0].expected is 7; expected"],
])("%j is refused", (engine, message) => {
  expect(() => parseEngine(engine)).toThrow(message);
});

function windowOf(ranks: readonly { map?: string; table?: string; expected?: string }[], counts = [1, 2]) {
  const report = parseEngine({ ...body, ranks });
  if (report === null) throw new Error("it was not read");
  return windowOfEngine(report, 1000, Float64Array.from(counts));
}

test("names ranks whose map is not the one that most have, and ranks whose table is not what it should be", () => {
  const mapped = (maps: string) => windowOf(Array.from(maps, (map) => ({ map }))).otherMap;
  expect(["", "a", "aaaa", "abaa", "babb", "abbcb"].map(mapped)).toEqual([[], [], [], [1], [1], [0, 3]]);
  // Nobody knows which of two is right: the lowest rank's is taken to be.
  expect(mapped("abab")).toEqual([1, 3]);
  expect(windowOf([{}, { map: "a" }, { map: "a" }]).otherMap).toEqual([]);
  const tables = [{ table: "1", expected: "1" }, { table: "1", expected: "2" }, { expected: "2" }, {}];
  expect(windowOf(tables)).toMatchObject({ ranks: 4, otherTable: [1] });
});

test("what all ranks of a pool say fits in a report", () => {
  const digest = "f".repeat(64);
  const ranks = Array.from({ length: 4096 }, () => ({ map: digest, table: digest, expected: digest }));
  const spaced = JSON.stringify({ ...body, ranks }).replaceAll(/[,:]/g, "$& ");
  expect(spaced.length).toBeLessThan(mostReportBytes({ layers: 0, experts: 0, gpus: 4096 }));
});

test("equal counts have equal digests", () => {
  const digest = (...counts: number[]) => windowOf([], counts).counts;
  expect(digest(1, 2)).toBe(digest(1, 2));
  expect(new Set([digest(1, 2), digest(2, 1), digest(1, 2.5), digest(0, 0)]).size).toBe(4);
  expect([windowOf([], [0, 0]).empty, windowOf([], [0, 1]).empty]).toEqual([true, false]);
});
