import { expect, test } from "vitest";
import {
  ageText,
  differenceText,
  engineBalance,
  faultsText,
  rebalancesText,
  stepsText,
} from "../../src/dashboard/engine/engine-balance.ts";
import type { PoolState } from "../../src/dashboard/live/state.ts";
import type { WatchedEngine } from "../../src/dashboard/live/wire.ts";

const ENGINE: WatchedEngine = {
  name: "vllm 0.32.0",
  rebalances: 12,
  rebalanceEvery: 3000,
  stepsSinceRebalance: 1200,
  dispatch: "even",
  balancedness: 0.9,
  measuredAtMs: 96_000,
  faults: [],
};

function poolWith(engine: WatchedEngine | null): PoolState {
  const samples = [80_000, 99_000].map((atMs, i) => ({
    atMs,
    tokensPerSecond: 10,
    balancedness: 0.5 + 0.46 * i,
  }));
  return { condition: { engine }, samples } as unknown as PoolState;
}

test("what an engine makes of the load stands beside what the published placement would, each with its age", () => {
  expect(engineBalance(poolWith(null), 100_000)).toBeNull();
  const balance = engineBalance(poolWith(ENGINE), 100_000);
  // The published one's of the last ten seconds alone.
  expect(balance).toEqual({ engine: 0.9, published: 0.96, engineAgeMs: 4000, publishedAgeMs: 1000 });
  expect([ageText(4000), ageText(400_000), ageText(null)]).toEqual(["4 s ago", "7 min ago", ""]);
  expect([stepsText(0.9), stepsText(null)]).toEqual(["1.11 ×", "–"]);
});

test("the difference is said either way, and not where one is not known", () => {
  const of = (engine: number | null, published: number | null) =>
    differenceText({ engine, published, engineAgeMs: 0, publishedAgeMs: 0 });
  const steps = "By the published placement, steps that wait for the fullest GPU would be";
  expect(of(0.9, 0.96)).toBe(`${steps} 6.2 % shorter.`);
  expect(of(0.96, 0.9)).toBe(`${steps} 6.7 % longer.`);
  expect(of(0.93, 0.932)).toBe("Both keep the GPUs as level.");
  expect([of(null, 0.9), of(0.9, null)]).toEqual([null, null]);
});

test("its rebalances are counted, and what is wrong has its time", () => {
  expect(rebalancesText(ENGINE)).toBe(
    "12 rebalances by itself, the last 1,200 steps ago; one is due every 3,000.",
  );
  expect(rebalancesText({ ...ENGINE, rebalanceEvery: 0 })).toBe("It does not rebalance by itself.");
  expect(faultsText(ENGINE)).toBe("No faults.");
  const fault = { kind: "map", ranks: [3], sinceMs: 0, text: "rank 3 has another map of experts than most" };
  const silent = { ...fault, kind: "silent", ranks: [] };
  expect(faultsText({ ...ENGINE, faults: [fault, silent] })).toMatch(
    /^Faults: map \(rank 3\) since \d\d:\d\d:\d\d, silent since \d\d:\d\d:\d\d\.$/,
  );
});
