import { describe, expect, it } from "vitest";
import { modelLike } from "../../harness/small-model.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { attentionWeights } from "../../src/core/cost/attention-weights.ts";
import {
  type AttentionWork,
  addDecode,
  addPrefill,
  attentionWindows,
  clearWork,
  noAttentionWork,
} from "../../src/core/cost/attention-work.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import { type MoeModel, kvBytes } from "../../src/model/moe-model.ts";

const POOL = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 4 };
const [V3, V32, OSS, NEXT, MAVERICK, QWEN] = await Promise.all(
  [
    "deepseek-v3",
    "deepseek-v3.2",
    "gpt-oss-20b",
    "qwen3-next-80b-a3b",
    "llama-4-maverick",
    "qwen3-30b-a3b",
  ].map((name) => loadModel(name)),
);
/** Nothing but reading the cache takes time. */
const READING = { ...H800, attentionFlops: 1e30, projectionFlops: 1e30, weightBandwidth: 1e30 };

/** The attention of so many sequences that decode with so much context each. */
function decoding(model: MoeModel, sequences: number, context: number): AttentionWork {
  const windows = attentionWindows(model);
  const work = noAttentionWork(windows.length);
  for (let i = 0; i < sequences; i++) addDecode(work, context, windows);
  work.sampled = 0;
  return work;
}

function prefilling(model: MoeModel, start: number, count: number): AttentionWork {
  const windows = attentionWindows(model);
  const work = noAttentionWork(windows.length);
  addPrefill(work, start, count, windows);
  return work;
}

const fixed = (model: MoeModel, work: AttentionWork, hardware = H800) =>
  new StepCost(model, POOL, hardware).fixed([work]);

describe("context within windows", () => {
  it("is what each token attends to", () => {
    const windows = [4, 10];
    const work = noAttentionWork(2);
    for (let start = 0; start < 12; start += 3) addPrefill(work, start, 3, windows);
    const sum = (window: number) =>
      Array.from({ length: 12 }, (_, i) => Math.min(i + 1, window)).reduce((a, b) => a + b, 0);
    expect(work).toMatchObject({ tokens: 12, prefillContext: sum(12), prefillWithin: [sum(4), sum(10)] });
    addDecode(work, 7, windows);
    expect(work).toMatchObject({ tokens: 13, decoding: 1, decodeContext: 7, decodeWithin: [4, 7] });
    clearWork(work);
    expect(work).toEqual(noAttentionWork(2));
  });

  it("has the windows of the model, each once", () => {
    expect([V3, OSS, MAVERICK, V32, NEXT].map(attentionWindows)).toEqual([[], [128], [8192], [2048], []]);
  });
});

describe("decoding reads the cache", () => {
  it.each([
    ["of grouped-query attention, all of it", QWEN, 5000, 5000],
    ["of windows, no more than the window", OSS, 64, 64],
    ["of windows, no more than the window", OSS, 5000, 5000],
  ])("%s", (_, model, context) => {
    const seconds = fixed(model, decoding(model, 16, context), READING);
    expect(seconds).toBeCloseTo((16 * kvBytes(model, context)) / H800.kvBandwidth, 12);
  });

  it("of states, reads and writes them whatever the context", () => {
    const states = (2 * 16 * kvBytes(NEXT, 0)) / H800.kvBandwidth;
    const cache = (context: number) => (16 * context * 12 * 2 * 2 * 256 * 2) / H800.kvBandwidth;
    for (const context of [10, 10_000])
      expect(fixed(NEXT, decoding(NEXT, 16, context), READING)).toBeCloseTo(states + cache(context), 12);
  });

  it("of sparse attention, the chosen tokens and every index key", () => {
    const index = (context: number) => 61 * context * 132;
    const latent = 61 * 2048 * 576 * 2;
    for (const context of [10_000, 100_000]) {
      const bytes = 16 * (latent + index(context));
      expect(fixed(V32, decoding(V32, 16, context), READING)).toBeCloseTo(bytes / H800.kvBandwidth, 12);
    }
    const [sparse, whole] = [V32, V3].map((model) => fixed(model, decoding(model, 16, 100_000)));
    expect(whole / sparse).toBeGreaterThan(3);
  });
});

describe("prefilling", () => {
  it("costs windows and states by the token, and full attention by its square", () => {
    const core = (model: MoeModel, tokens: number) =>
      fixed(model, prefilling(model, 0, tokens), { ...H800, projectionFlops: 1e30, weightBandwidth: 1e30 });
    expect(core(QWEN, 65_536) / core(QWEN, 32_768)).toBeCloseTo(4, 2);
    const windowed = modelLike({ ...OSS, attention: OSS.attention.slice(0, 1) }, {});
    expect(core(windowed, 65_536) / core(windowed, 32_768)).toBeCloseTo(2, 1);
    const states = modelLike({ ...NEXT, attention: NEXT.attention.slice(0, 1) }, {});
    expect(core(states, 65_536) / core(states, 32_768)).toBeCloseTo(2, 6);
  });

  it("attends to everything in short prompts of sparse models, as others do", () => {
    const beside = (model: MoeModel) =>
      fixed(model, prefilling(model, 0, 500), { ...H800, projectionFlops: 1e30 });
    expect(beside(V32) / beside(V3)).toBeCloseTo(1, 1);
  });
});

describe("layers that are not all alike", () => {
  it("route to experts or not, and have shared experts only where they do", () => {
    const work = prefilling(MAVERICK, 0, 1);
    const cost = new StepCost(MAVERICK, POOL, H800);
    const dense = 24 * 3 * 5120 * 16_384 * 2;
    const attention = 24 * attentionWeights(MAVERICK.attention[0], 5120) * 2;
    expect(cost.outsideMoe([work])).toBeCloseTo((dense + attention) / H800.weightBandwidth, 5);
    const shared = 24 * 3 * 5120 * 8192 * 2;
    expect(cost.fixed([work]) - cost.outsideMoe([work])).toBeCloseTo(
      (shared + attention) / H800.weightBandwidth,
      5,
    );
  });

  it("are overlapped each with its own attention", async () => {
    const model = await loadModel("nemotron-3-nano-30b-a3b");
    const cost = new StepCost(model, POOL, H800);
    const work = prefilling(model, 0, 1000);
    // Its experts have no attention before them in their layer, only the shared expert.
    const before = cost.halfAttention([work]);
    expect(before).toHaveLength(23);
    expect(new Set(before).size).toBe(1);
    const mixed = new StepCost(OSS, POOL, H800).halfAttention([prefilling(OSS, 4000, 1000)]);
    expect(mixed[0]).toBeLessThan(mixed[1]);
    expect(mixed[2]).toBe(mixed[0]);
    const time = new PassTime(cost, [work]);
    for (let row = 0; row < 23; row++) time.add(layerTally(POOL));
    expect(time.seconds).toBeGreaterThan(cost.outsideMoe([work]));
  });
});
