import { expect, test } from "vitest";
import { Bracket } from "../../src/planner/bracket.ts";
import { drawnDemand, usersDemand } from "../../src/planner/demand.ts";
import { gridOf } from "../../src/planner/load-grid.ts";

const RATES = gridOf(drawnDemand(1, 100, 10));
const USERS = gridOf(usersDemand(1, 0, 100, 10));

test("a power has room for the load that it is asked for, and the one below it has not", () => {
  for (let load = 1; load < 500; load++) {
    for (const grid of [RATES, USERS]) {
      const power = grid.powerFor(load);
      expect(grid.loadAt(power)).toBeGreaterThanOrEqual(load - 1e-6);
      if (power > grid.lowest) expect(grid.loadAt(power - 1)).toBeLessThan(load);
    }
  }
  expect(RATES.loadAt(RATES.powerFor(0.01))).toBeCloseTo(0.01, 2);
});

test("users are whole, and no unit is tried with less than one", () => {
  for (let power = 0; power < 60; power++) expect(Number.isInteger(USERS.loadAt(power))).toBe(true);
  expect(USERS.powerFor(0.2)).toBe(USERS.lowest);
  expect(USERS.loadAt(USERS.lowest)).toBe(1);
  const bracket = new Bracket(3, 10, USERS.lowest);
  const tried: number[] = [];
  while (!bracket.closed) {
    tried.push(bracket.next);
    bracket.learn(bracket.next, false);
  }
  expect(Math.min(...tried)).toBe(USERS.lowest);
});
