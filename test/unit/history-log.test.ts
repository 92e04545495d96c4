import { beforeEach, expect, test } from "vitest";
import { NO_HISTORY } from "../../src/control/history/pool-history.ts";
import { decodeHistory, encodeHistory } from "../../src/control/messages/stored-history.ts";
import { HistoryLog } from "../../src/control/lead/history-log.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import { poolReport } from "./pool-report-fixture.ts";

const AT_S = 1_800_000_000;
const WELL = { epoch: 3, lostRanks: 0, missingExperts: 0 };

let nowMs: number;
let log: HistoryLog;
beforeEach(() => {
  nowMs = AT_S * 1000;
  log = new HistoryLog(NO_HISTORY, () => nowMs);
});

function windowOf(differences: Partial<PoolWindow>): PoolWindow {
  return {
    spanMs: 1000,
    steps: 4,
    tokens: 12.5,
    load: { layers: 1, experts: 2, tokens: new Float64Array(2) },
    routing: null,
    gpuLoad: new Float64Array(2),
    serving: [0, 1],
    sumMean: 10,
    sumMax: 12.345,
    hops: 9,
    nodeHops: 5,
    stepMs: 80.5,
    ranks: [],
    ...differences,
  };
}

test("a window is of the second in which it ended, however long was decided on it", () => {
  const done = () => ({ window: windowOf({}), report: poolReport({}) });
  nowMs += 4000;
  log.observe(WELL, done(), AT_S * 1000);
  nowMs += 100;
  log.observe(WELL, done());
  expect(log.take().pool.map(({ atS }) => atS)).toEqual([AT_S, AT_S + 4]);
});

test("a second has what its windows counted, and the worst of how the pool was", () => {
  log.observe(WELL, {
    window: windowOf({}),
    report: poolReport({ gpuPeak: [{ layer: 0, timesMean: 1.5 }] }),
  });
  nowMs += 500;
  const ranks = [1, 2].map((waiting) => ({ running: 3, waiting, kvUse: waiting / 4 }));
  log.observe(
    { epoch: 4, lostRanks: 2, missingExperts: 7 },
    { window: windowOf({ sumMax: 20 }), report: poolReport({ ranks }) },
  );
  expect(log.take().pool).toEqual([
    {
      atS: AT_S,
      seconds: 1,
      spanMs: 2000,
      tokens: 2500,
      sumMean: 2000,
      sumMax: 3235,
      pairs: 26,
      hops: 18,
      nodeHops: 10,
      steps: 8,
      stepTime: 161_000,
      queueWindows: 2,
      running: 7,
      waiting: 3,
      kvUse: 500,
      peak: 1500,
      lostRanks: 2,
      missingExperts: 7,
      epoch: 4,
    },
  ]);
});

test("what engines do not report counts nothing, and a round without a window says how the pool is", () => {
  const unknown = { steps: Number.NaN, stepMs: Number.NaN, hops: Number.NaN, nodeHops: Number.NaN };
  log.observe(WELL, { window: windowOf(unknown), report: poolReport({ ranks: [] }) });
  nowMs += 1000;
  log.observe({ ...WELL, lostRanks: 1 }, null);
  const [first, second] = log.take().pool;
  expect(first).toMatchObject({ pairs: 0, hops: 0, steps: 0, stepTime: 0, queueWindows: 0, tokens: 1250 });
  expect(second).toMatchObject({ atS: AT_S + 1, spanMs: 0, tokens: 0, lostRanks: 1 });
});

test("a clock that is set back a little makes no row twice, and one that was far ahead leaves nothing behind", () => {
  const round = () => log.observe(WELL, { window: windowOf({}), report: poolReport({}) });
  round();
  nowMs -= 3000;
  round();
  expect(log.take().pool).toMatchObject([{ atS: AT_S, spanMs: 2000 }]);
  nowMs += 3_600_000;
  round();
  nowMs -= 3_600_000;
  round();
  log.take();
  nowMs += 4000;
  round();
  expect(log.take().pool.map(({ atS }) => atS)).toEqual([AT_S, AT_S + 1]);
});

const SLOT = { kind: "traffic", spanMs: 10_000, ended: 5, failed: 1, ttft: [0, 5], itl: [9] } as const;

test("what gateways measured at the same time adds up, in whichever order it comes; what is of another time is dropped", () => {
  log.traffic({ ...SLOT, atS: AT_S - 10 });
  log.traffic({ ...SLOT, atS: AT_S - 30, ended: 1 });
  log.traffic({ ...SLOT, atS: AT_S - 10, spanMs: 4000, ttft: [0, 0, 2] });
  log.traffic({ ...SLOT, atS: AT_S - 20, ended: 2 });
  for (const atS of [AT_S - 200, AT_S + 200]) log.traffic({ ...SLOT, atS });
  expect(log.take().traffic).toEqual([
    { atS: AT_S - 30, seconds: 10, spanMs: 10_000, ended: 1, failed: 1, ttft: [0, 5], itl: [9] },
    { atS: AT_S - 20, seconds: 10, spanMs: 10_000, ended: 2, failed: 1, ttft: [0, 5], itl: [9] },
    { atS: AT_S - 10, seconds: 10, spanMs: 10_000, ended: 10, failed: 2, ttft: [0, 5, 2], itl: [18] },
  ]);
});

test("what is stored can be read again, however much was counted", () => {
  const report = poolReport({ gpuPeak: [] });
  for (const tokens of [1e15, 1e15, Number.POSITIVE_INFINITY, Number.NaN])
    log.observe(WELL, { window: windowOf({ tokens }), report });
  const [row] = decodeHistory(encodeHistory(log.take())).pool;
  expect(row.spanMs).toBe(4000);
});

test("it is stored when there is something new, every ten seconds, and the next leader goes on from it", () => {
  expect(log.isDue(0)).toBe(false);
  log.observe(WELL, null);
  expect(log.isDue(0)).toBe(true);
  const stored = log.take();
  expect(log.isDue(20_000)).toBe(false);
  log.observe(WELL, null);
  expect([log.isDue(9999), log.isDue(10_000)]).toEqual([false, true]);
  nowMs += 2000;
  const next = new HistoryLog(stored, () => nowMs);
  next.observe(WELL, null);
  expect(next.take().pool.map(({ atS }) => atS)).toEqual([AT_S, AT_S + 2]);
});
