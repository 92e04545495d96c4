import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { amongTable } from "../../loadtest/bench/plan/among-table.ts";
import { type MeasuredCandidate, readMeasuredPoints } from "../../loadtest/bench/plan/measured-candidates.ts";
import { type Served, cheapest, gpusNeeded, judge, summarize } from "../../loadtest/bench/plan/regret.ts";

const POINTS = fileURLToPath(new URL("../golden/serving-points.csv", import.meta.url));
const point = (gpus: number, ttftMs: number, tpotMs: number, outTokSGpu: number): Served => ({
  gpus,
  times: { ttftMs, tpotMs, outTokSGpu },
});
const SLOW = point(8, 400, 30, 500);
const QUICK = point(8, 100, 10, 100);
const MIDDLE = point(4, 200, 20, 300);
const ALL = [SLOW, QUICK, MIDDLE];
const itself = (one: Served) => one;
const judged = (pick: Served | null, asked: Parameters<typeof judge>[2]) => judge(pick, ALL, asked, itself);

test("the best of those that keep the limits is that which needs the fewest GPUs", () => {
  expect(cheapest(ALL, { ttftMs: 1000, tpotMs: 50, load: null }, itself)).toBe(SLOW);
  expect(cheapest(ALL, { ttftMs: 250, tpotMs: 50, load: null }, itself)).toBe(MIDDLE);
  expect(cheapest(ALL, { ttftMs: 250, tpotMs: 5, load: null }, itself)).toBeNull();
  // 1,000 tokens/s: one engine of four GPUs, though a GPU of the engine of eight gives more.
  expect(cheapest(ALL, { ttftMs: 1000, tpotMs: 50, load: 1000 }, itself)).toBe(MIDDLE);
  expect(gpusNeeded(MIDDLE, { ttftMs: 0, tpotMs: 0, load: 1201 })).toBe(8);
});

test("regret is the GPUs that one buys too many; a limit that is missed has none", () => {
  const asked = { ttftMs: 250, tpotMs: 50, load: null };
  expect(judged(MIDDLE, asked)).toMatchObject({ possible: true, keeps: true, regret: 0 });
  expect(judged(QUICK, asked).regret).toBeCloseTo(2, 9);
  expect(judged(SLOW, asked)).toMatchObject({ keeps: false, regret: null });
  expect(judged(SLOW, asked).missedBy).toBeCloseTo(0.6, 9);
  expect(judged(null, asked)).toMatchObject({ possible: true, picked: false });
  expect(judged(QUICK, { ...asked, tpotMs: 5 })).toMatchObject({ possible: false, keeps: false });
});

test("of many questions only those count that some point keeps", () => {
  const asked = { ttftMs: 250, tpotMs: 50, load: null };
  const never = { ttftMs: 1, tpotMs: 1, load: null };
  const verdicts = [MIDDLE, QUICK, SLOW, null].map((pick) => judged(pick, asked));
  const { questions, best, nearBest, missed, none, median, p90, missedBy } = summarize([
    ...verdicts,
    judged(SLOW, never),
  ]);
  expect([questions, best, nearBest, missed, none]).toEqual([4, 0.25, 0.25, 0.25, 0.25]);
  expect([median, p90, missedBy].map((one) => Number(one?.toFixed(6)))).toEqual([0, 2, 0.6]);
});

test("predictions that are right have no regret, and hopeful ones miss limits", async () => {
  const [base] = await readMeasuredPoints(POINTS);
  const all = [1, 2].flatMap((engine) =>
    [8, 16, 32].map((concurrency): MeasuredCandidate => {
      const measured = {
        ttftMs: (40 + 5 * concurrency) / engine,
        tpotMs: (5 + concurrency / 2) / engine ** 0.7,
        outTokSGpu: (60 * concurrency) / (10 + concurrency) / engine ** 0.4,
      };
      return {
        ...base,
        configuration: `engine ${engine}`,
        gpus: 4 * engine,
        measured,
        predicted: measured,
        roofline: { ...measured, tpotMs: measured.tpotMs / 3 },
      };
    }),
  );
  const { rows, columns } = amongTable({ all, errors: { ttftMs: null, tpotMs: null, outTokSGpu: null } }, 1);
  const [best, missed] = ["best, %", "limit missed, %"].map((name) =>
    columns.findIndex((column) => column.name === name),
  );
  const of = (chooser: string, load: string) =>
    rows.find((row) => row[0] === "all" && row[1] === chooser && row[2] === load) ?? [];
  expect([of("prediction", "predicted")[best], of("prediction", "predicted")[missed]]).toEqual([100, 0]);
  expect(of("prediction", "measured")[best]).toBe(100);
  expect(of("roofline", "predicted")[missed]).toBeGreaterThan(10);
  expect(of("any point", "predicted")[best]).toBeLessThan(60);
});
