import { beforeEach, expect, test } from "vitest";
import { ReportedPlane } from "../../src/control/ingest/reported-plane.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import { receivedCounts } from "../../src/control/messages/received-counts.ts";
import type { LoadMessage } from "../../src/control/messages/pool-message.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { modelLike } from "../../harness/small-model.ts";
import { snapshotOf } from "../snapshot-of.ts";

const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 };

/** 1 dense and 2 MoE layers, 3 experts, top-1. */
let model: MoeModel;
let plane: ReportedPlane;
beforeEach(async () => {
  model = modelLike(await loadModel("deepseek-v3"), {
    layers: 3,
    denseLayers: 1,
    experts: 3,
    topk: 1,
    groups: 1,
    topkGroups: 1,
  });
  plane = new ReportedPlane("chat", { model, topology, dispatch: "shares" });
});

function load(from: string, spanMs: number, ...tokens: number[]): LoadMessage {
  const counted = {
    reported: [],
    spanMs,
    tokens: Float32Array.from(tokens),
    received: [],
    engines: [],
    sent: [],
  };
  return { kind: "load", from, sampled: false, ...counted };
}

const placement = {
  layers: 2,
  experts: 3,
  topology,
  physicalToLogical: Int32Array.of(0, 1, 2, 0, 2, 1, 0, 1),
};
const snapshot = snapshotOf(placement, Float64Array.of(0.25, 1, 1, 0.75, 1, 0.5, 1, 0.5), "chat");

test("says nothing when nothing was reported", async () => {
  expect(await plane.observe()).toBeNull();
});

test("signs of life without counts are no window", async () => {
  plane.receive(load("one", 0, 0, 0, 0, 0, 0, 0));
  expect(await plane.observe()).toBeNull();
});

test("sums what gateways pass on, takes the longest span, and starts anew after each window", async () => {
  plane.commit(snapshot);
  plane.receive(load("one", 500, 4, 0, 2, 1, 2, 3));
  plane.receive(load("one", 400, 4, 0, 0, 0, 0, 0));
  plane.receive(load("two", 800, 0, 1, 1, 2, 2, 2));
  const window = await plane.observe();
  expect(window).toMatchObject({
    spanMs: 900,
    tokens: 12,
    load: { tokens: Float64Array.of(8, 1, 3, 3, 4, 5) },
  });
  expect(window?.gpuLoad).toEqual(Float64Array.of(8 * 0.25 + 1, 3 + 8 * 0.75, 5 + 4 * 0.5, 3 + 4 * 0.5));
  expect([window?.sumMean, window?.sumMax]).toEqual([12, 9 + 7]);
  expect(await plane.observe()).toBeNull();
});

/** Ranks report what they have received; slots are as in the placement. */
function received(...cells: readonly (readonly number[])[]): LoadMessage {
  return {
    ...load("one", 0, 0, 0, 0, 0, 0, 0),
    reported: cells.map((_, rank) => ({ rank, windowMs: 500, incarnation: null, counted: "received" })),
    received: cells.map((counts, rank) => receivedCounts(rank, 500, Float64Array.from(counts))),
  };
}
const BOTH = [
  [1, 4, 0, 0, 3, 5],
  [3, 0, 2, 6, 1, 0],
] as const;

function routed(rank: number, spanMs: number, ...tokens: number[]): LoadMessage {
  return {
    ...load("one", spanMs, ...tokens),
    reported: [{ rank, windowMs: spanMs, incarnation: null, counted: "source" }],
  };
}

test("what ranks have received makes one window of the pool, and it is said whose", async () => {
  plane.commit(snapshot);
  plane.receive(received(BOTH[0]));
  expect(await plane.observe()).toBeNull();
  plane.receive({ ...received(...BOTH), received: received(...BOTH).received.slice(1) });
  const window = await plane.observe();
  expect(window).toMatchObject({ spanMs: 500, load: { tokens: Float64Array.of(4, 4, 2, 6, 4, 5) } });
  expect(plane.loads).toEqual({
    counts: "received",
    otherKind: [],
    missing: [],
    implausible: [],
    implausibleLayers: [],
  });
});

test("of ranks that count in two ways, the fewer are not used", async () => {
  plane.commit(snapshot);
  plane.receive(routed(0, 500, 5, 0, 0, 0, 5, 0));
  plane.receive(routed(1, 500, 0, 0, 5, 0, 0, 5));
  expect(await plane.observe()).toMatchObject({ load: { tokens: Float64Array.of(5, 0, 5, 0, 5, 5) } });
  // A tie changes nothing, and all of another kind are all.
  plane.receive(received(BOTH[0]));
  plane.receive(routed(1, 500, 0, 0, 5, 0, 0, 5));
  expect(await plane.observe()).toMatchObject({ load: { tokens: Float64Array.of(0, 0, 5, 0, 0, 5) } });
  expect(plane.loads).toMatchObject({ counts: "source", otherKind: [0] });
  plane.receive(received(...BOTH));
  plane.receive(load("recorder", 500, 9, 9, 9, 9, 9, 9));
  expect(await plane.observe()).toMatchObject({ load: { tokens: Float64Array.of(4, 4, 2, 6, 4, 5) } });
  expect(plane.loads).toMatchObject({ counts: "received", otherKind: [] });
});

test("estimates from answers wait while ranks report what they received, and count when none does any more", async () => {
  plane.commit(snapshot);
  const answers = { ...load("one", 500, 6, 0, 0, 0, 6, 0), sampled: true };
  plane.receive(received(...BOTH));
  plane.receive(answers);
  expect(await plane.observe()).toMatchObject({ load: { tokens: Float64Array.of(4, 4, 2, 6, 4, 5) } });
  plane.receive(answers);
  for (let round = 0; round < 61; round++) expect(await plane.observe()).toBeNull();
  plane.receive(answers);
  expect(await plane.observe()).toMatchObject({ load: { tokens: Float64Array.of(6, 0, 0, 0, 6, 0) } });
});

test("a load of another shape, as from a gateway that was configured otherwise, is left out", async () => {
  plane.receive(load("one", 500, 1, 2));
  expect(await plane.observe()).toBeNull();
});
