import { describe, expect, test } from "vitest";
import { chooseGpu } from "../../src/config/gpus/chosen-gpu.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { ExchangeTime } from "../../src/core/cost/exchange-time.ts";
import { type ExchangeTimes, overPart, tabulated } from "../../src/core/cost/exchange-table.ts";
import { PLAIN_SHAPE } from "../../src/model/engine-shape.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import { modelledHardware } from "../../src/twin/calibration/gpu-hardware.ts";

const V3 = await loadModel("deepseek-v3");
const at = { sourceOf: () => "test", field: [] };
const H100 = await chooseGpu("h100", at);
const hops = (places: number) => (places - 1) * (1 - (1 - 1 / places) ** 8);

/** µs of an exchange of so many tokens of every rank, all experts as likely. */
function microseconds(nodes: number, tokens: number, kind: "low-latency" | "normal", model: MoeModel = V3) {
  const topology = { nodes, gpusPerNode: 8, slotsPerGpu: Math.ceil(model.experts / nodes / 8) };
  const tally = layerTally(topology);
  tally.gpuLoad.fill(tokens * model.topk);
  tally.selectionsFrom.fill(tokens * model.topk);
  tally.rankReceives.fill(tokens * hops(8 * nodes));
  tally.nodeSends.fill(tokens * hops(nodes));
  const hardware = modelledHardware(model, H100);
  const time = new ExchangeTime(model, topology, hardware, PLAIN_SHAPE);
  const { dispatch, combine } = time.of(tally, tokens, kind === "normal" ? 1 : 0, { part: 1, rate: 1 });
  return [1e6 * dispatch, 1e6 * combine];
}

const ONES = [1, 1, 1];
const TIMES: ExchangeTimes = {
  ranks: [16, 64],
  tokens: [10, 100, 1000],
  dispatchUs: [
    [10, 20, 200],
    [40, 80, 800],
  ],
  combineUs: [ONES, ONES],
};

describe("a table of exchanges", () => {
  const dispatch = (ranks: number, tokens: number) =>
    1e6 * tabulated(TIMES, ranks, { dispatch: tokens, combine: 1 }).dispatch;

  test("is itself at its points, and between them in logarithms", () => {
    expect(dispatch(16, 100)).toBeCloseTo(20, 9);
    expect(dispatch(64, 1000)).toBeCloseTo(800, 9);
    expect(dispatch(32, 100)).toBeCloseTo(40, 9);
    expect(dispatch(16, Math.sqrt(1e5))).toBeCloseTo(Math.sqrt(20 * 200), 9);
  });

  test("holds its ends in ranks and few tokens, and goes on with many", () => {
    expect(dispatch(16, 1)).toBeCloseTo(10, 9);
    expect(dispatch(256, 100)).toBeCloseTo(80, 9);
    expect(dispatch(16, 10_000)).toBeCloseTo(2000, 6);
  });
});

test("a part of the network takes longer for all but the fewest tokens", () => {
  const half = overPart({ lowLatency: TIMES, normal: TIMES }, 1 / 2);
  expect(half.normal.dispatchUs[0]).toEqual([10, 30, 390]);
  expect(half.lowLatency.combineUs[1]).toEqual([1, 1, 1]);
});

describe("DeepEP on H100, rows that are not in the table", () => {
  // AIConfigurator's tables, as the file names them.
  test.each([
    [2, 16, "low-latency", 30.1, 45.93],
    [4, 96, "low-latency", 112.57, 203.6],
    [8, 24, "low-latency", 55.8, 76.57],
    [2, 8192, "normal", 1658.8, 4060.8],
    [4, 512, "normal", 343.8, 609.5],
    [8, 2048, "normal", 3488.9, 6369],
  ] as const)(
    "%i nodes, %i tokens, %s kernels, within an eighth",
    (nodes, tokens, kind, dispatch, combine) => {
      const [out, back] = microseconds(nodes, tokens, kind);
      expect(Math.abs(out / dispatch - 1)).toBeLessThan(1 / 8);
      expect(Math.abs(back / combine - 1)).toBeLessThan(1 / 8);
    },
  );
});

test("within a node, and on GPUs that nobody measured, the constants of serving points hold", async () => {
  const without = H100 === null ? null : { ...H100, exchanges: null };
  expect(H100?.exchanges).not.toBeNull();
  const topology = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 36 };
  const tally = layerTally(topology);
  tally.gpuLoad.fill(1024);
  const of = (choice: typeof H100) =>
    new ExchangeTime(V3, topology, modelledHardware(V3, choice), PLAIN_SHAPE).of(tally, 128, 0, {
      part: 1,
      rate: 1,
    });
  expect(of(H100)).toEqual(of(without));
  expect((await chooseGpu("b200", at))?.exchanges).toBeNull();
});

test("a model with smaller tokens sends them faster, but no faster than none", () => {
  const small = { ...V3, expertHidden: 1024 };
  const [large, less] = [microseconds(4, 128, "low-latency"), microseconds(4, 128, "low-latency", small)];
  expect(less[0]).toBeLessThan(large[0] / 2);
  expect(less[0]).toBeGreaterThanOrEqual(microseconds(4, 0.01, "low-latency")[0] - 1e-9);
});
