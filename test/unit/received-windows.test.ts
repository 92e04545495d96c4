import { beforeEach, expect, test } from "vitest";
import { ReceivedWindows } from "../../src/control/ingest/received-windows.ts";
import { receivedCounts } from "../../src/control/messages/received-counts.ts";
import type { Placement } from "../../src/model/placement.ts";

const LAYERS = 3;
const EXPERTS = 4;

/** 4 ranks with a slot for each expert, and one more: expert 0 is on ranks 0 and 3 as well. */
function placed(...row: number[]): Placement {
  const physicalToLogical = Int32Array.from([...row, ...row, ...row]);
  const topology = { nodes: 1, gpusPerNode: 4, slotsPerGpu: 2 };
  return { layers: LAYERS, experts: EXPERTS, topology, physicalToLogical };
}
const PLACEMENT = placed(0, -1, 1, -1, 2, -1, 3, 0);

let windows: ReceivedWindows;
beforeEach(() => {
  windows = new ReceivedWindows(LAYERS, EXPERTS);
  windows.place(PLACEMENT);
});

/** The same in each layer. */
function report(rank: number, row: readonly number[], windowMs = 100): void {
  windows.receive(receivedCounts(rank, windowMs, Float64Array.from([...row, ...row, ...row])));
}

/** All ranks, or some of them: 12 tokens a layer, of which expert 0 has 6. */
function reports(ranks = [0, 1, 2, 3], windowMs = 100): void {
  const rows = [
    [4, 0, 0, 0],
    [0, 3, 0, 0],
    [0, 0, 1, 0],
    [2, 0, 0, 2],
  ];
  for (const rank of ranks) report(rank, rows[rank], windowMs);
}

function layer(number: number, tokens: Float64Array | undefined): number[] {
  return [...(tokens ?? [])].slice(number * EXPERTS, (number + 1) * EXPERTS);
}

const NOTHING_AMISS = { missing: [], implausible: [], implausibleLayers: [] };

test("a window is whole when every rank that holds experts has reported", () => {
  reports([0, 1, 2]);
  expect(windows.take()).toBeNull();
  reports([3]);
  const window = windows.take();
  expect(window).toMatchObject({ spanMs: 100, ...NOTHING_AMISS });
  expect(layer(2, window?.tokens)).toEqual([6, 3, 1, 2]);
  expect(windows.take()).toBeNull();
});

test("ranks whose windows are not as long, or as many, count by their rates", () => {
  reports();
  windows.take();
  reports([0, 1, 2, 3]);
  reports([0, 1]);
  report(2, [0, 0, 1, 0]);
  const window = windows.take();
  expect(window?.spanMs).toBe(200);
  expect(layer(0, window?.tokens)).toEqual([6, 3, 1, 2].map((count) => 2 * count));
});

test("a rank that holds nothing is not waited for; an idle window is one", () => {
  windows.place(placed(0, 1, 2, 3, 0, 1, -1, -1));
  // What ranks do by the placement before may still come.
  for (let window = 0; window < 2; window++) {
    reports();
    windows.take();
  }
  for (const rank of [0, 1, 2]) report(rank, [0, 0, 0, 0]);
  expect(windows.take()).toMatchObject({ ...NOTHING_AMISS, tokens: new Float64Array(12) });
  for (const rank of [0, 1, 2, 3]) report(rank, [rank, 0, 0, 0]);
  expect(layer(0, windows.take()?.tokens)).toEqual([6, 0, 0, 0]);
});

test("what moved may still be received where it was: while that rank does not report, it is not known", () => {
  reports();
  windows.take();
  // Expert 2 goes from rank 2, which falls silent at once, to rank 1.
  windows.place(placed(0, -1, 1, 2, -1, -1, 3, 0));
  const without2 = () => {
    for (let window = 0; window < 4; window++) reports([0, 1, 3]);
    return windows.take();
  };
  for (const behind of [1, 2]) {
    const window = without2();
    expect([behind, window?.missing]).toEqual([behind, [2]]);
    expect(layer(1, window?.tokens)[2]).toBeCloseTo(4, 6);
  }
  // Nobody dispatches by the placement before any more, and rank 1 receives nothing.
  const later = without2();
  expect(later?.missing).toEqual([]);
  expect(layer(1, later?.tokens)).toEqual([24, 12, 0, 8]);
});

test("who is missing is waited for once; its experts keep their part, an expert with another replica at least what came", () => {
  reports();
  windows.take();
  for (let window = 0; window < 3; window++) {
    reports([0, 1, 2]);
    expect(windows.take()).toBeNull();
  }
  reports([0, 1, 2]);
  const late = windows.take();
  expect(late).toMatchObject({ missing: [3] });
  expect(layer(1, late?.tokens).map(Math.round)).toEqual([24, 12, 4, 8]);
  // Twice the load, and all of the hot expert's at rank 0.
  report(0, [20, 0, 0, 0]);
  report(1, [0, 6, 0, 0]);
  report(2, [0, 0, 2, 0]);
  const next = windows.take();
  expect(next).toMatchObject({ missing: [3] });
  expect(layer(1, next?.tokens).map((count) => Number(count.toFixed(1)))).toEqual([20, 6, 2, 4]);
  reports();
  expect(windows.take()).toMatchObject(NOTHING_AMISS);
});

test("one rank that reports hours at once neither ends a window nor holds it up for hours", () => {
  report(0, [8, 0, 0, 0], 3_600_000);
  expect(windows.take()).toBeNull();
  reports([1, 2, 3]);
  expect(windows.take()).toMatchObject({ spanMs: 100, ...NOTHING_AMISS });
  report(0, [8, 0, 0, 0], 3_600_000);
  reports([1, 2, 3]);
  windows.take();
  for (let window = 0; window < 4; window++) reports([1, 2, 3]);
  expect(windows.take()).toMatchObject({ missing: [0] });
});

test("experts that were never counted are taken for average ones", () => {
  for (let window = 0; window < 4; window++) reports([0, 1, 3]);
  const window = windows.take();
  expect(window).toMatchObject({ missing: [2] });
  expect(layer(0, window?.tokens)).toEqual([24, 12, (24 + 12 + 8) / 3, 8]);
});

test("an expert that nobody holds is not known, and not cold", () => {
  reports();
  windows.take();
  windows.place(placed(0, -1, 1, -1, -1, -1, 3, 0));
  for (let window = 0; window < 3; window++) {
    reports([0, 1, 3]);
    const tokens = windows.take()?.tokens;
    if (tokens !== undefined) expect(layer(0, tokens)[2]).toBeCloseTo(tokens[0] / 6, 1);
  }
  reports([0, 1, 3]);
  const window = windows.take();
  expect(window?.missing).toEqual([2]);
  expect(layer(0, window?.tokens)[2]).toBeCloseTo((window?.tokens[0] ?? 0) / 6, 1);
});

test("where the ranks that report usually have less than a quarter of the load, nothing is counted", () => {
  reports();
  windows.take();
  for (let window = 0; window < 4; window++) reports([2]);
  expect(windows.take()).toBeNull();
  for (let window = 0; window < 4; window++) reports([1, 2]);
  expect(windows.take()).toMatchObject({ missing: [0, 3] });
});

test("a rank that counts too many in a layer is not believed, and its experts keep their part", () => {
  reports();
  windows.take();
  for (let window = 0; window < 4; window++) {
    reports([0, 1, 3]);
    windows.receive(receivedCounts(2, 100, Float64Array.of(0, 0, 1, 0, 0, 0, 9000, 0, 0, 0, 1, 0)));
  }
  const window = windows.take();
  expect(window).toMatchObject({ missing: [], implausible: [2], implausibleLayers: [] });
  for (const number of [0, 1, 2])
    expect(layer(number, window?.tokens).map(Math.round)).toEqual([24, 12, 4, 8]);
});

test("a layer that counts are missing of is not believed, and keeps its parts; one that is idle stays so", () => {
  reports();
  windows.take();
  for (let window = 0; window < 4; window++) {
    windows.receive(receivedCounts(0, 100, Float64Array.of(4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0)));
    windows.receive(receivedCounts(1, 100, Float64Array.of(0, 3, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0)));
    reports([2]);
    windows.receive(receivedCounts(3, 100, Float64Array.of(2, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 2)));
  }
  const window = windows.take();
  expect(window).toMatchObject({ implausible: [], implausibleLayers: [1] });
  expect(layer(1, window?.tokens).map(Math.round)).toEqual([24, 12, 4, 8]);
  const idle = new ReceivedWindows(LAYERS, EXPERTS);
  idle.place(PLACEMENT);
  for (let turn = 0; turn < 4; turn++)
    for (const rank of [0, 1]) {
      const counts = new Float64Array(LAYERS * EXPERTS);
      counts[rank] = counts[2 * EXPERTS + rank] = 5;
      idle.receive(receivedCounts(rank, 100, counts));
    }
  const half = idle.take();
  expect(half).toMatchObject({ missing: [2, 3], implausibleLayers: [] });
  expect(layer(1, half?.tokens)).toEqual([0, 0, 0, 0]);
  expect(layer(2, half?.tokens)).toEqual([20, 20, 20, 20]);
});

test("layers that differ by what was under way are given time to agree", () => {
  const first = Float64Array.of(9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0);
  const second = Float64Array.of(1, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0);
  const rest = () => {
    for (const rank of [1, 2, 3]) report(rank, [0, 0, 0, 0]);
  };
  windows.receive(receivedCounts(0, 100, first));
  rest();
  expect(windows.take()).toBeNull();
  windows.receive(receivedCounts(0, 100, second));
  rest();
  const window = windows.take();
  expect(window).toMatchObject({ spanMs: 200, ...NOTHING_AMISS });
  expect(layer(1, window?.tokens)).toEqual([10, 0, 0, 0]);
});

test("stages of a pipeline report their own layers", () => {
  for (const rank of [0, 1, 2, 3]) {
    const counts = new Float64Array(LAYERS * EXPERTS);
    if (rank < 2) counts[rank] = 6;
    else for (const number of [1, 2]) counts[number * EXPERTS + rank] = 6;
    windows.receive(receivedCounts(rank, 100, counts));
  }
  const window = windows.take();
  expect(window).toMatchObject(NOTHING_AMISS);
  expect(window?.tokens).toEqual(Float64Array.of(6, 6, 0, 0, 0, 0, 6, 6, 0, 0, 6, 6));
});
