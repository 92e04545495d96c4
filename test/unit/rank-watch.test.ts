import { expect, test } from "vitest";
import { RankWatch } from "../../src/control/lead/rank-watch.ts";

test("a rank is silent after three of its own windows, and no sooner than the least silence", () => {
  const watch = new RankWatch(() => 2000);
  for (const rank of [0, 1, 2]) watch.reported(rank, rank === 2 ? 10_000 : 100, 0);
  expect(watch.silent(2000)).toEqual([]);
  watch.reported(0, 100, 1900);
  expect(watch.silent(2001)).toEqual([1]);
  watch.reported(0, 100, 30_000);
  expect(watch.silent(30_001)).toEqual([]); // Two of three: their reports do not arrive.
  watch.forget(1);
  expect(watch.silent(30_001)).toEqual([2]);
});

test("ranks that were never reported, and silence of length 0, are not noticed", () => {
  let silenceMs = 0;
  const watch = new RankWatch(() => silenceMs);
  watch.reported(0, 1, 0);
  expect(watch.silent(1e9)).toEqual([]);
  expect(new RankWatch(() => 1).silent(1e9)).toEqual([]);
  // Another length counts at once, for what was reported before too.
  silenceMs = 100;
  watch.reported(1, 1, 1e9);
  expect(watch.silent(1e9)).toEqual([0]);
});
