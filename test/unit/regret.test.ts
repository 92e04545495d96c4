import { expect, test } from "vitest";
import { type Served, cheapest, gpusNeeded, judge, summarize } from "../../loadtest/bench/plan/regret.ts";

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
