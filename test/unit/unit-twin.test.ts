import { expect, test } from "vitest";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { PlacementJudge } from "../../src/planner/right-sizing/placement-worth.ts";
import { clockOf } from "../../src/planner/right-sizing/clock.ts";
import { UnitTwin } from "../../src/planner/right-sizing/unit-twin.ts";
import { USUAL_PERCENTILES } from "../../src/planner/service-target.ts";
import { MEASURED_TRAFFIC as MEASURED, RUNNING_POOL as POOL, SEED, done } from "../running-pool.ts";

/** Fewer than usual: runs are quick. */
const REQUESTS = 80;
/** Per second, more than the pool can take. */
const CROWDED = 6000;

function twinFor(ttftMs: number, itlMs: number): UnitTwin {
  const twin = new UnitTwin(POOL, MEASURED, { ttftMs, itlMs, ...USUAL_PERCENTILES }, SEED, REQUESTS);
  const predict = (factor: number) => twin.predict(factor);
  twin.clock = done(clockOf(MEASURED, done(twin.predict(1)), predict, twin.outsideMs, twin.target));
  return twin;
}

test("by its clock the twin says what is measured, and no tighter target leaves more room", () => {
  const loose = twinFor(40, 20);
  const { ttftMs, itlMs, balancedness } = done(loose.expect(POOL.unit, 1));
  expect(ttftMs?.p95).toBeCloseTo(14, 6);
  expect(itlMs?.p95).toBeCloseTo(8, 6);
  expect(balancedness).toBeGreaterThan(0.5);
  expect(balancedness).toBeLessThanOrEqual(1);
  const rooms = [twinFor(16, 9), twinFor(14.1, 8.1), twinFor(13.9, 20)].map((twin) =>
    done(twin.room(POOL.unit)),
  );
  const factors = rooms.map(({ factor }) => factor);
  expect(factors).toEqual(factors.toSorted((a, b) => b - a));
  // Just kept as it is measured, and just not.
  expect(factors[1]).toBeGreaterThanOrEqual(1);
  expect(factors[2]).toBeLessThan(1);
  for (const { factor, beyond } of rooms) if (beyond !== null) expect(beyond / factor).toBeCloseTo(1.05, 6);
});

test("the last answers of a run are as crowded as the others: a short run says what a long one does", () => {
  const target = { ttftMs: 14, itlMs: 8, ...USUAL_PERCENTILES };
  // In the short one most of those that count are in flight together.
  const means = [60, 900].map((requests) => {
    const twin = new UnitTwin(POOL, { ...MEASURED, rate: CROWDED }, target, SEED, requests);
    return done(twin.predict(1)).itlMs?.mean ?? 0;
  });
  expect(means[0] / means[1]).toBeGreaterThan(0.93);
  expect(means[0] / means[1]).toBeLessThan(1.07);
});

test("a placement for an even load is judged by the load there is, beside one that is made for that", () => {
  const uneven = {
    ...POOL,
    unit: { ...POOL.unit, policy: { ...BALANCE_POLICIES.plimsoll, dispatch: "even" as const } },
  };
  const worth = new PlacementJudge(uneven).worth();
  if (worth === null) throw new Error("the load is known");
  expect(worth.now).toBeLessThan(0.9);
  expect(worth.anew).toBeGreaterThan(0.97);
  expect(worth.anewGain).toBeGreaterThan(0);
  expect(worth.movedSlots).toBeGreaterThan(0);
  expect(new PlacementJudge({ ...POOL, load: null }).worth()).toBeNull();
});
