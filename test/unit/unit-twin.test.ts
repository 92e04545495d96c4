import { expect, test } from "vitest";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { readConstantsFile } from "../../src/config/calibration/constants-file.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { PlacementJudge } from "../../src/planner/right-sizing/placement-worth.ts";
import { clockOf } from "../../src/planner/right-sizing/clock.ts";
import { routingOfLoad } from "../../src/planner/right-sizing/load-routing.ts";
import type { Measured } from "../../src/planner/right-sizing/measured.ts";
import type { RunningPool } from "../../src/planner/right-sizing/running-unit.ts";
import { UnitTwin } from "../../src/planner/right-sizing/unit-twin.ts";
import { USUAL_PERCENTILES } from "../../src/planner/service-target.ts";
import { readTypes } from "../../src/plans/plan-inputs.ts";
import { tableOf } from "../../src/twin/calibration/fitted-constants.ts";
import { modelSizes } from "../../src/twin/calibration/model-sizes.ts";
import { PLAIN_BATCHING } from "../../src/twin/pool/batching.ts";
import { routingSources } from "../../src/twin/routing-sources.ts";
import { smallPlan } from "../small-plan.ts";

const SEED = 5;
/** Fewer than usual: runs are quick. */
const REQUESTS = 80;
const { constants } = await readConstantsFile();
const [TYPE] = await readTypes({ gpu: "h800" }, SMALL_MODEL, tableOf(constants));
/** One expert of each layer has a fourth of the tokens. */
const LOAD = {
  layers: 6,
  experts: 32,
  tokens: Float64Array.from({ length: 192 }, (_, i) => (i % 32 === 5 ? 10 : 1)),
};
const ROUTED = routingOfLoad(LOAD, SMALL_MODEL.topk, SEED);
const POOL: RunningPool = {
  model: SMALL_MODEL,
  sizes: modelSizes(SMALL_MODEL, "fp8"),
  precision: "fp8",
  type: TYPE,
  engine: null,
  units: 1,
  outsideMs: 0,
  load: LOAD,
  routing: routingSources(SMALL_MODEL, SEED, ROUTED),
  routed: ROUTED,
  unit: {
    layout: {
      type: TYPE,
      prefill: null,
      decode: { tp: 1, dp: 4, ep: 4, moeTp: 1 },
      redundantSlots: 2,
      stepTokens: PLAIN_BATCHING.stepTokens,
    },
    prefill: null,
    decode: SMALL_TOPOLOGY,
    assignment: "least-load",
    prefillAssignment: "prefill",
    batching: PLAIN_BATCHING,
    policy: BALANCE_POLICIES.plimsoll,
    begins: smallPlan(),
  },
};
const MEASURED: Measured = {
  seconds: 10,
  rate: 600,
  answered: 600,
  ended: { ok: 6000, client_error: 0, refused: 0, failed: 0, cancelled: 0 },
  promptTokens: { bounds: [192, 256], counts: [0, 6000, 0], sum: 1.3e6 },
  answerTokens: { bounds: [8, 12], counts: [0, 6000, 0], sum: 6e4 },
  promptMean: 1.3e6 / 6000,
  answerMean: 10,
  countedByEngine: 1,
  cachedPart: null,
  ttftMs: { mean: 9, p50: 8, p90: 12, p95: 14, p99: 20 },
  itlMs: { mean: 5, p50: 4.5, p90: 7, p95: 8, p99: 10 },
  e2eMs: null,
  inFlight: 30,
  waiting: 0,
  kvUse: null,
  balancedness: null,
  kvUseMost: null,
  lostRanks: 0,
  fullestShard: 1,
  shards: 4,
  readyShards: 4,
};

function done<T>(steps: Generator<number, T>): T {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
  }
}

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
