import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ControlledPool } from "../../src/control/controlled-pool.ts";
import { percentileIn } from "../../src/lib/log-histogram.ts";
import { TrafficReports } from "../../src/pools/traffic-reports.ts";
import { TrafficSlots } from "../../src/serving/traffic/traffic-slots.ts";

type Reported = Parameters<ControlledPool["loop"]["reportTraffic"]>;

let reported: [pool: string, ...Reported][];
let slots: TrafficSlots;
let reports: TrafficReports;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_003_500 });
  reported = [];
  slots = new TrafficSlots();
  const pools = ["a", "b"].map((pool) => ({
    loop: {
      pool,
      reportTraffic: (...report: Reported) => {
        reported.push([pool, ...report]);
        return pool === "a" ? Promise.resolve() : Promise.reject(new Error("the store is gone"));
      },
    },
  }));
  reports = new TrafficReports(pools as unknown as ControlledPool[], slots, () => Date.now());
  reports.start();
});
afterEach(() => {
  reports.stop();
  vi.useRealTimers();
});

test("each pool's measures go to its leader, slot by slot of the clock, also where there are none", async () => {
  slots.first("a", 120);
  slots.later("a", 20);
  slots.later("a", 21);
  slots.ended("a", false);
  slots.ended("a", true);
  slots.ended("gone", true);
  await vi.advanceTimersByTimeAsync(6500);
  const none = { ended: 0, failed: 0, ttft: [], itl: [] };
  const [[, , first]] = reported;
  expect(reported).toEqual([
    ["a", 1_800_000_000, { ...first, spanMs: 6500, ended: 2, failed: 1 }],
    ["b", 1_800_000_000, { ...none, spanMs: 6500 }],
  ]);
  expect(first.itl.reduce((sum, count) => sum + count, 0)).toBe(2);
  expect((percentileIn(first.ttft, 50) as number) / 120).toBeCloseTo(1, 0);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reported.slice(2)).toEqual([
    ["a", 1_800_000_010, { ...none, spanMs: 10_000 }],
    ["b", 1_800_000_010, { ...none, spanMs: 10_000 }],
  ]);
  reports.stop();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(reported.length).toBe(4);
});
