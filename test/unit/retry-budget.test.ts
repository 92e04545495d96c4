import { expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { RetryBudget } from "../../src/serving/flight/retry-budget.ts";

const SETTINGS = { maxAttempts: 3, ratio: 0.2, minPerSecond: 1, windowMs: 10_000, baseMs: 20, maxMs: 100 };

/** How many retries it grants at once. */
function granted(budget: RetryBudget, nowMs: number): number {
  let count = 0;
  while (budget.take(nowMs)) count++;
  return count;
}

it("allows the least per second without any request", () => {
  expect(granted(new RetryBudget(SETTINGS, 0), 0)).toBe(10);
});

it("allows a part of the recent requests", () => {
  const budget = new RetryBudget(SETTINGS, 0);
  for (let i = 0; i < 100; i++) budget.began(i * 50);
  expect(granted(budget, 5000)).toBe(30);
  expect(budget.take(5100)).toBe(false);
});

it("forgets requests and retries when the window has passed", () => {
  const budget = new RetryBudget(SETTINGS, 0);
  for (let i = 0; i < 100; i++) budget.began(0);
  expect(granted(budget, 0)).toBe(30);
  expect(granted(budget, 9999)).toBe(0);
  expect(granted(budget, 10_000)).toBe(10);
  expect(granted(budget, 1e6)).toBe(10);
});

it("allows none where the settings allow none", () => {
  const budget = new RetryBudget({ ...SETTINGS, ratio: 0, minPerSecond: 0 }, 0);
  budget.began(0);
  expect(budget.take(0)).toBe(false);
});

it("backs off up to twice as long each time, at random from nothing up", () => {
  const budget = new RetryBudget(SETTINGS, 0);
  const rng = new Rng(3);
  for (const [retry, most] of [
    [1, 20],
    [2, 40],
    [3, 80],
    [4, 100],
    [50, 100],
  ]) {
    const pauses = Array.from({ length: 1000 }, () => budget.backoffMs(retry, rng)).sort((a, b) => a - b);
    expect(pauses[0]).toBeGreaterThanOrEqual(0);
    expect(pauses[0]).toBeLessThan(most / 20);
    expect(pauses[999]).toBeLessThanOrEqual(most);
    expect(pauses[999]).toBeGreaterThan((most * 19) / 20);
  }
});
