import { expect, test } from "vitest";
import { parseLoadReport } from "../../src/control/load-report.ts";

const shape = { layers: 2, experts: 3, gpus: 4 };
const counts = [
  [1, 2, 3],
  [4, 5, 6.5],
];

test("reads a rank's report, and a whole pool's", () => {
  const report = parseLoadReport({ rank: 3, windowMs: 500, logical_count: counts }, shape);
  expect(report).toEqual({
    rank: 3,
    windowMs: 500,
    load: { layers: 2, experts: 3, tokens: Float64Array.of(1, 2, 3, 4, 5, 6.5) },
  });
  expect(parseLoadReport({ windowMs: 500, logical_count: counts }, shape).rank).toBeNull();
});

test.each([
  [{ logical_count: counts }, "body: windowMs is missing; expected milliseconds > 0"],
  [{ windowMs: 0, logical_count: counts }, "windowMs is 0;"],
  [{ windowMs: 1 }, "logical_count is missing; expected 2 layers"],
  [{ windowMs: 1, logical_count: [[1, 2, 3]] }, "logical_count is a list of 1; expected 2 layers"],
  [{ windowMs: 1, logical_count: [[1, 2, 3], 4] }, "logical_count[1] is 4; expected 3 experts"],
  [
    {
      windowMs: 1,
      logical_count: [
        [1, 2, 3],
        [1, -2, 3],
      ],
    },
    "logical_count[1][1] is -2; expected a number ≥ 0",
  ],
  [
    {
      windowMs: 1,
      logical_count: [
        [1, 2, 3],
        [1, "2", 3],
      ],
    },
    'logical_count[1][1] is "2";',
  ],
  [{ windowMs: 1, rank: 4, logical_count: counts }, "rank is 4; expected a rank in 0..3"],
  [{ windowMs: 1, rank: null, logical_count: counts }, "rank is null;"],
])("%j is refused", (body, message) => {
  expect(() => parseLoadReport(body, shape)).toThrow(message);
});
