import { describe, expect, test } from "vitest";
import { modelLike, SMALL_MODEL } from "../../harness/small-model.ts";
import { ReportedPlane } from "../../src/control/ingest/reported-plane.ts";
import { poolReport } from "../../src/control/lead/pool-report.ts";
import { Rng } from "../../src/lib/rng.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { PoolMeter } from "../../src/twin/pool-meter.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";
import { TokenDraw } from "../../src/twin/token-draw.ts";
import { snapshotOf } from "../snapshot-of.ts";

const topology = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 };
const EXPERTS = 3;

/** GPU 1 is lost: none of its slots holds an expert. */
function without(layers: number): RoutingSnapshot {
  const row = [0, 1, -1, -1, 2, 0];
  const placement = {
    layers,
    experts: EXPERTS,
    topology,
    physicalToLogical: Int32Array.from(Array.from({ length: layers }, () => row).flat()),
  };
  return snapshotOf(
    placement,
    Float64Array.from(Array.from({ length: layers }, () => [0.75, 1, 0, 0, 1, 0.25]).flat()),
  );
}

function reportOf(snapshot: RoutingSnapshot, window: PoolWindow | null): PoolReport {
  return poolReport(snapshot, window as PoolWindow, {
    atMs: 0,
    layerNumbers: [],
    topk: 1,
    expertLoad: [],
    movedSlots: 0,
    placedAtMs: null,
    decision: "",
    explanation: null,
    lagMs: null,
    loads: null,
    beside: null,
  });
}

/** Steps are compared with even ones of the GPUs that are left: no placement makes the lost one carry anything. */
function expectOneDefinition({ gpuLoad, gpuHolds, gpuPeak, balancedness }: PoolReport): void {
  expect(gpuHolds.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1 / (balancedness as number) - 1, 3);
  expect(gpuLoad).toEqual([1.5, 0, 0.5]);
  expect(gpuPeak.map(({ timesMean }) => timesMean)).toEqual([1.5, 0, 0.5]);
  expect(gpuHolds).toEqual([0.5, 0, 0]);
}

describe("while a GPU is lost, balancedness and what GPUs cost are over the same GPUs", () => {
  test("where engines report", async () => {
    const model = modelLike(SMALL_MODEL, { experts: EXPERTS, topk: 1, groups: 1, topkGroups: 1 });
    const layers = model.moeLayers.length;
    const plane = new ReportedPlane("p", { model, topology, dispatch: "shares" });
    const snapshot = without(layers);
    plane.commit(snapshot);
    const tokens = Float32Array.from(Array.from({ length: layers }, () => [40, 30, 10]).flat());
    const counted = { sampled: false, reported: [], received: [], engines: [], sent: [] };
    plane.receive({ kind: "load", from: "g", spanMs: 1000, tokens, ...counted });
    expectOneDefinition(reportOf(snapshot, await plane.observe()));
  });

  test("where the pool is simulated", () => {
    const snapshot = without(1);
    const meter = new PoolMeter(snapshot.placement, new TokenDraw(new Rng(1)));
    const tally = layerTally(topology);
    tally.gpuLoad.set([60, 0, 20]);
    tally.selections = 80;
    meter.layer(0, tally);
    const trace = { tokens: 1, layers: 1, topk: 1, experts: new Int16Array(1) };
    const routing = new TraceRouting(trace);
    expectOneDefinition(reportOf(snapshot, meter.window(1000, routing, [])));
  });
});
