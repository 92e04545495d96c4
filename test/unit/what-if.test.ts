import { expect, test } from "vitest";
import { SMALL_MODEL, SMALL_MOE_LAYERS, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { USUAL_PERCENTILES } from "../../src/planner/service-target.ts";
import { calibrate } from "../../src/planner/right-sizing/calibrate.ts";
import { placedAnew, sharedAnew } from "../../src/planner/right-sizing/placed-anew.ts";
import { UnitTwin } from "../../src/planner/right-sizing/unit-twin.ts";
import { type NodesPoint, nodesWhatIf } from "../../src/planner/what-if/nodes.ts";
import { type SlotsFound, slotsWhatIf } from "../../src/planner/what-if/slots.ts";
import { type TrafficFound, trafficWhatIf } from "../../src/planner/what-if/traffic.ts";
import { smallPlan } from "../small-plan.ts";
import { MEASURED_TRAFFIC, RUNNING_POOL, SEED, UNEVEN_LOAD, done } from "../running-pool.ts";

const REQUESTS = 60;
/** Per second: the pool carries some seven times as many. */
const RATE = 600;

function twinAt(rate: number): UnitTwin {
  const { ttftMs, itlMs } = MEASURED_TRAFFIC;
  const target = { ttftMs: ttftMs?.p95 ?? 0, itlMs: itlMs?.p95 ?? 0, ...USUAL_PERCENTILES };
  const twin = new UnitTwin(RUNNING_POOL, { ...MEASURED_TRAFFIC, rate }, target, SEED, REQUESTS);
  done(calibrate(twin));
  return twin;
}

function slotsOf(load: ExpertLoad, most: number): SlotsFound {
  const found: SlotsFound = { now: null, points: [] };
  const asked = {
    model: SMALL_MODEL,
    load,
    topology: SMALL_TOPOLOGY,
    consumer: "even" as const,
    begins: smallPlan(),
    splitsBatches: false,
    fits: (slots: number) => slots <= most,
    costOf: null,
  };
  done(slotsWhatIf(asked, found));
  return found;
}

test("slots: as many as hold every expert, up to what fits; today's is among them, and what is in force is no better", () => {
  const { now, points } = slotsOf(UNEVEN_LOAD, 12);
  expect(points.map(({ slotsPerGpu }) => slotsPerGpu)).toEqual([8, 9, 10, 11, 12]);
  expect(points.map(({ redundant }) => redundant)).toEqual([0, 4, 8, 12, 16]);
  const [none] = points;
  const today = points[2];
  // One expert of each layer has ten times the others' tokens, and one replica: a GPU has it and seven others.
  expect(none.stepFactor).toBeCloseTo(17 / (41 / 4), 6);
  expect(none.balancedness).toBeCloseTo(1 / none.stepFactor, 12);
  expect(today.stepFactor).toBeLessThan(none.stepFactor - 0.2);
  expect(now?.stepFactor).toBeGreaterThanOrEqual(today.stepFactor);
  for (const { fullestGpu, stepFactor } of points) {
    expect(fullestGpu).toBeGreaterThanOrEqual(1);
    expect(fullestGpu).toBeLessThanOrEqual(stepFactor + 1e-9);
  }
});

test("slots: with a GPU away, what is in force is judged over the others, and places are for all", () => {
  const placing = { model: SMALL_MODEL, load: UNEVEN_LOAD, consumer: "even" as const };
  const three = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 11 };
  const { placement } = placedAnew(placing, three, null);
  const four = { nodes: 1, gpusPerNode: 4, slotsPerGpu: 11 };
  const physicalToLogical = new Int32Array(SMALL_MOE_LAYERS * 44).fill(-1);
  const rows = Int32Array.from(placement.physicalToLogical);
  for (let layer = 0; layer < SMALL_MOE_LAYERS; layer++)
    physicalToLogical.set(rows.subarray(layer * 33, (layer + 1) * 33), layer * 44);
  const begins = sharedAnew(placing, { ...placement, topology: four, physicalToLogical });
  const asked = { ...placing, begins, splitsBatches: false, fits: () => true, costOf: null };
  const [all, left] = [three, four].map((topology) => {
    const found: SlotsFound = { now: null, points: [] };
    const plan = topology === four ? begins : placedAnew(placing, three, null);
    done(slotsWhatIf({ ...asked, topology, begins: plan }, found));
    return found;
  });
  expect(left.now?.stepFactor).toBeCloseTo(all.now?.stepFactor ?? 0, 9);
  expect(left.now?.fullestGpu).toBeCloseTo(all.now?.fullestGpu ?? 0, 9);
  expect(left.points.find(({ slotsPerGpu }) => slotsPerGpu === 11)?.redundant).toBe(12);
});

test("slots: an even load needs none, and what is placed for it is level", () => {
  const even = { ...UNEVEN_LOAD, tokens: new Float64Array(UNEVEN_LOAD.tokens.length).fill(3) };
  const { points } = slotsOf(even, 8);
  expect(points).toHaveLength(1);
  expect(points[0]).toMatchObject({ slotsPerGpu: 8, stepFactor: 1, fullestGpu: 1 });
});

test("slots: a step costs as many tokens less as it is longer", () => {
  const found: SlotsFound = { now: null, points: [] };
  const placing = { model: SMALL_MODEL, load: UNEVEN_LOAD, consumer: "even" as const };
  const begins = placedAnew(placing, SMALL_TOPOLOGY, null);
  const asked = { ...placing, topology: SMALL_TOPOLOGY, begins, splitsBatches: false, fits: () => true };
  const costOf = ({ placement }: typeof begins) => 40 / placement.topology.slotsPerGpu;
  done(slotsWhatIf({ ...asked, costOf }, found));
  expect(found.now?.throughput).toBe(1);
  for (const { slotsPerGpu, throughput } of found.points) expect(throughput).toBeCloseTo(slotsPerGpu / 10);
});

test("traffic: what comes is carried up to the most, and no more than that beyond it", () => {
  const found: TrafficFound = { most: null, points: [] };
  const rate = 4.5 * RATE;
  done(trafficWhatIf(twinAt(rate), found));
  const { most, points } = found;
  if (most === null) throw new Error("the most was not found");
  expect(most.atLeast).toBe(false);
  const factors = points.map(({ factor }) => factor);
  expect(factors).toEqual(factors.toSorted((a, b) => a - b));
  expect(factors).toContain(1);
  for (const { factor, keepsUp, tokensPerSecond, requestsPerSecond } of points) {
    expect(requestsPerSecond).toBe(factor * rate);
    expect(tokensPerSecond).toBeLessThan(1.05 * most.tokensPerSecond);
    expect(keepsUp).toBe(factor <= most.factor);
  }
  const p95 = points.map(({ ttftMs }) => ttftMs?.p95 ?? 0);
  expect(p95.at(-1)).toBeGreaterThan(1.5 * p95[0]);
  // One point beyond it says enough.
  expect(factors.filter((factor) => factor > most.factor).length).toBeLessThanOrEqual(1);
});

test("nodes: a node more carries more; one fewer holds the same experts on more slots of each GPU", () => {
  const points: NodesPoint[] = [];
  done(nodesWhatIf(twinAt(RATE), points));
  expect(points.map(({ nodes, gpus, slotsPerGpu }) => [nodes, gpus, slotsPerGpu])).toEqual([
    [1, 2, 16],
    [2, 4, 10],
    [3, 6, 10],
  ]);
  const most = points.map((point) => point.most?.tokensPerSecond ?? 0);
  expect(most[0]).toBeLessThan(most[1]);
  expect(most[1]).toBeLessThan(most[2]);
  // What is carried is of all of them, and its factor of the traffic there is.
  const now = RATE * (MEASURED_TRAFFIC.promptMean + MEASURED_TRAFFIC.answerMean);
  for (const { most: one } of points) expect(one?.tokensPerSecond).toBeCloseTo((one?.factor ?? 0) * now, 3);
});
