import fc from "fast-check";
import { expect, test } from "vitest";
import { type Row, inSteps } from "../../src/control/history/falling-rows.ts";
import { type PoolHistory, historyAt } from "../../src/control/history/pool-history.ts";
import { POOL_MOSTS, POOL_SUMS, type PoolRow, poolRowsTogether } from "../../src/control/history/pool-row.ts";
import { encodeHistory } from "../../src/control/messages/stored-history.ts";
import { type TrafficRow, trafficRowsTogether } from "../../src/control/history/traffic-row.ts";
import { runs } from "../runs.ts";

const RUNS = 100;
const DAY = 86_400;

const whole = fc.nat({ max: 2 ** 40 });
const poolFigures = fc.record(
  Object.fromEntries([...POOL_SUMS, ...POOL_MOSTS].map((name) => [name, whole])),
) as fc.Arbitrary<Omit<PoolRow, keyof Row>>;
const someCounts = fc.array(fc.nat({ max: 1000 }), { maxLength: 5 });
const trafficFigures = fc.record({
  spanMs: whole,
  ended: whole,
  failed: whole,
  ttft: someCounts,
  itl: someCounts,
});

/** Some rows of the finest kind, ascending, with pauses of all lengths. */
const someHistory: fc.Arbitrary<PoolHistory> = fc
  .record({
    beginsAt: fc.integer({ min: 10 * DAY, max: 11 * DAY }),
    pool: fc.array(
      fc.tuple(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 20_000 })), poolFigures),
      { maxLength: 40 },
    ),
    traffic: fc.array(
      fc.tuple(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2000 })), trafficFigures),
      { maxLength: 40 },
    ),
  })
  .map(({ beginsAt, pool, traffic }) => ({
    pool: dated<PoolRow>(pool, beginsAt, 1),
    traffic: dated<TrafficRow>(traffic, beginsAt, 10),
  }));

function dated<R extends Row>(
  rows: readonly (readonly [number, Omit<R, keyof Row>])[],
  beginsAt: number,
  seconds: number,
): R[] {
  let atS = Math.floor(beginsAt / seconds) * seconds;
  return rows.map(([pause, figures]) => ({ ...figures, atS: (atS += pause * seconds), seconds }) as R);
}

function lastOf({ pool, traffic }: PoolHistory): number {
  return Math.max(pool.at(-1)?.atS ?? 0, traffic.at(-1)?.atS ?? 0);
}

function all<R extends Row>(rows: readonly R[], together: (a: R, b: R) => Omit<R, keyof Row>) {
  return rows.length === 0 ? null : rows.reduce((sum, row) => ({ ...row, ...together(sum, row) }));
}

test("however often and whenever a history has become coarser on its way, it is the same in the end", () => {
  fc.assert(
    fc.property(someHistory, fc.array(fc.nat(DAY)), (history, pauses) => {
      let looked = history;
      let now = lastOf(history);
      for (const pause of pauses) looked = historyAt(looked, (now += pause));
      expect(historyAt(looked, now)).toEqual(historyAt(history, now));
    }),
    { seed: 1, numRuns: runs(3 * RUNS) },
  );
});

test("nothing that is kept is counted twice or forgotten, and rows ascend without meeting", () => {
  fc.assert(
    fc.property(someHistory, fc.nat(DAY), (history, later) => {
      const now = lastOf(history) + later;
      const { pool, traffic } = historyAt(history, now);
      // The minute that is a day old goes as a whole.
      const first = Math.floor((now - DAY) / 60) * 60;
      const kept = <R extends Row>(rows: readonly R[]) => rows.filter(({ atS }) => atS >= first);
      expect(sums(all(pool, poolRowsTogether), POOL_SUMS)).toEqual(
        sums(all(kept(history.pool), poolRowsTogether), POOL_SUMS),
      );
      const [was, is] = [all(kept(history.traffic), trafficRowsTogether), all(traffic, trafficRowsTogether)];
      expect([is?.ttft, is?.itl, is?.ended]).toEqual([was?.ttft, was?.itl, was?.ended]);
      for (const rows of [pool, traffic])
        for (let i = 1; i < rows.length; i++)
          expect(rows[i].atS).toBeGreaterThanOrEqual(rows[i - 1].atS + rows[i - 1].seconds);
    }),
    { seed: 2, numRuns: runs(RUNS) },
  );
});

function sums(row: PoolRow | null, names: readonly (keyof PoolRow)[]) {
  return names.map((name) => row?.[name] ?? 0);
}

test("rows put together by way of any steps between are those put together at once", () => {
  const steps = fc
    .array(fc.constantFrom(1, 10, 60, 120, 600, 3600))
    .map((some) => some.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(someHistory, steps, ({ pool }, between) => {
      const last = 7200;
      const dividing = between.filter((step, i) => i === 0 || step % between[i - 1] === 0);
      let rows: PoolRow[] = [...pool];
      for (const step of dividing) rows = inSteps(rows, step, poolRowsTogether);
      expect(inSteps(rows, last, poolRowsTogether)).toEqual(inSteps(pool, last, poolRowsTogether));
    }),
    { seed: 3, numRuns: runs(RUNS) },
  );
});

test("a day of a busy pool is bounded, in rows and in bytes", () => {
  // 100,000 tokens a second through 58 layers, and 100 requests a second whose latencies differ much.
  const second = {
    spanMs: 1000,
    tokens: 10_000_000,
    sumMean: 145_000_000,
    sumMax: 160_000_000,
    pairs: 5_800_000,
    hops: 38_000_000,
    nodeHops: 13_000_000,
    steps: 20,
    stepTime: 990_000,
    queueWindows: 1,
    running: 2400,
    waiting: 300,
    kvUse: 870,
    peak: 1834,
    lostRanks: 1,
    missingExperts: 57,
    epoch: 4321,
  };
  const counts = (first: number, some: number[]) => [...Array.from({ length: first }, () => 0), ...some];
  const slot = {
    spanMs: 10_000,
    ended: 1000,
    failed: 10,
    ttft: counts(
      30,
      Array.from({ length: 16 }, () => 60),
    ),
    itl: counts(
      20,
      Array.from({ length: 12 }, () => 4000),
    ),
  };
  let history: PoolHistory = { pool: [], traffic: [] };
  let most = 0;
  const begin = 1_800_000_000;
  for (let atS = begin; atS < begin + DAY + 4000; atS += 50) {
    const pool = Array.from({ length: 50 }, (_, i) => ({ ...second, atS: atS + i, seconds: 1 }));
    const traffic = Array.from({ length: 5 }, (_, i) => ({ ...slot, atS: atS + 10 * i, seconds: 10 }));
    history = historyAt(
      { pool: [...history.pool, ...pool], traffic: [...history.traffic, ...traffic] },
      atS + 49,
    );
    most = Math.max(most, history.pool.length);
  }
  expect(most).toBeLessThanOrEqual(2300);
  expect(history.traffic.length).toBeLessThanOrEqual(1760);
  expect(history.pool.reduce((sum, { spanMs }) => sum + spanMs, 0)).toBeGreaterThanOrEqual(DAY * 1000);
  expect(history.traffic.reduce((sum, { ended }) => sum + ended, 0)).toBeGreaterThanOrEqual(DAY * 100);
  expect(encodeHistory(history).length).toBeLessThan(300_000);
});
