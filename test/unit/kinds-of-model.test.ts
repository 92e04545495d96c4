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
import { lowLatencyExchangeBytes, normalExchangeBytes } from "../../src/core/cost/exchange-bytes.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { nodeHopCost } from "../../src/core/cost/hop-cost.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { kvCapacityBytes } from "../../src/core/cost/memory.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { chunkLayers } from "../../src/core/migration/chunk-layers.ts";
import { transferMs } from "../../src/core/migration/transfer-time.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import { type MoeModel, expertBytes, kvBytes } from "../../src/model/moe-model.ts";
import { layerStagingBytes, usualStagingBytes } from "../../src/model/staging.ts";

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
    const before = cost.halfAttention([work], 1000);
    expect(before).toHaveLength(23);
    expect(new Set(before).size).toBe(1);
    const mixed = new StepCost(OSS, POOL, H800).halfAttention([prefilling(OSS, 4000, 1000)], 1000);
    expect(mixed[0]).toBeLessThan(mixed[1]);
    expect(mixed[2]).toBe(mixed[0]);
    const time = new PassTime(cost, [work]);
    for (let row = 0; row < 23; row++) time.add(layerTally(POOL));
    expect(time.seconds).toBeGreaterThan(cost.outsideMoe([work]));
  });
});

describe("precision", () => {
  const bf16 = modelLike(V3, { denseLayers: 3, precision: "bf16" });

  it("of 16 bits takes twice the bytes of 8, to hold, to move and to read, and half the arithmetic", () => {
    expect(expertBytes(bf16) / expertBytes(V3)).toBeCloseTo(2, 3);
    const moves = { slots: 1, bytes: 0, received: Int32Array.of(1) };
    expect(transferMs(bf16, moves) / transferMs(V3, moves)).toBeCloseTo(2, 3);
    const work = { ...noAttentionWork(), tokens: 4096 };
    expect(fixed(bf16, work) / fixed(V3, work)).toBeCloseTo(2, 6);
    const weights = (model: MoeModel) =>
      H800.memoryBytes * 10 * 0.85 -
      kvCapacityBytes(model, POOL, { ...H800, memoryBytes: 10 * H800.memoryBytes });
    const always16 = (2 * 129_280 + 58 * 256) * 7168 * 2;
    expect((weights(bf16) - always16) / (weights(V3) - always16)).toBeCloseTo(2, 3);
  });

  it("decides how many layers a stage of a rollout has", () => {
    const previous = contiguousPlacement(4, 8, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 4 });
    const moved = {
      ...previous,
      physicalToLogical: Int32Array.from(previous.physicalToLogical, (e) => 7 - e),
    };
    const room = 8 * expertBytes(V3);
    expect(chunkLayers(V3, previous, moved, room)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(chunkLayers(bf16, previous, moved, room)).toEqual([[0], [1], [2], [3]]);
  });

  it("decides what a GPU must have to spare", () => {
    expect(layerStagingBytes(V3, POOL)).toBe(4 * expertBytes(V3));
    expect(usualStagingBytes(V3, POOL)).toBe(2 ** 30);
    expect(usualStagingBytes(MAVERICK, { ...POOL, slotsPerGpu: 16 })).toBe(16 * 2 * 3 * 5120 * 8192);
  });

  it("of what travels is the model's", () => {
    expect(normalExchangeBytes(QWEN, 10)).toEqual({ dispatch: 10 * 2048 * 2, combine: 10 * 2048 * 2 });
    expect(lowLatencyExchangeBytes(QWEN, 1)).toEqual({ dispatch: 2048 * 2 + 16, combine: 2048 * 2 });
    const fp8 = modelLike(QWEN, { precision: { experts: "bf16", dispatch: "fp8" } });
    expect(normalExchangeBytes(fp8, 1).dispatch).toBe(2048 + 16 * 4);
    const narrow = modelLike(V3, { denseLayers: 3, expertHidden: 1024 });
    expect(normalExchangeBytes(narrow, 1)).toEqual({ dispatch: 1024 + 8 * 4, combine: 2048 });
  });

  it("of low-latency messages scales what was measured of DeepSeek-V3's", () => {
    const free = { ...H800, expertFlops: 1e30, weightBandwidth: 1e30 };
    const tally = layerTally(POOL);
    tally.gpuLoad.fill(1024);
    const measured =
      (77 - 16.3) * ((2048 * 2 + 16) / 7408) + 16.3 + (114 - 12.2) * ((2048 * 2) / 14_336) + 12.2;
    expect(new StepCost(QWEN, POOL, free).experts(tally, 128) * 1e6).toBeCloseTo(measured, 9);
  });

  it("makes a hop dearer or cheaper beside the experts' arithmetic", () => {
    // Twice the arithmetic's time and 4 / 3 of the bytes, less FP8's scales.
    expect(nodeHopCost(bf16, H800) / nodeHopCost(V3, H800)).toBeCloseTo(4 / (3 + 4 / 128) / 2, 9);
  });
});

describe("shared experts that are fused", () => {
  const fused = modelLike(V3, { denseLayers: 3, sharedFused: true });

  it("are computed with the routed ones, not before them", () => {
    const work = { ...noAttentionWork(), tokens: 4096 };
    const tally = layerTally(POOL);
    tally.selectionsFrom.fill(4096 * 8);
    tally.gpuLoad.fill(4096 * 8);
    const [apart, together] = [V3, fused].map((model) => new StepCost(model, POOL, H800));
    const flops = 2 * 3 * 7168 * 2048 * 4096;
    expect((apart.fixed([work]) - together.fixed([work])) / 58).toBeCloseTo(flops / H800.projectionFlops, 9);
    expect(together.experts(tally, 4096) - apart.experts(tally, 4096)).toBeCloseTo(
      flops / H800.expertFlops,
      9,
    );
  });

  it("take the same memory", () => {
    expect(kvCapacityBytes(fused, POOL, H800)).toBe(kvCapacityBytes(V3, POOL, H800));
  });
});

describe("the room for cache", () => {
  const huge = { ...H800, memoryBytes: 2e12 };

  it("counts a sequence's tokens by what its first takes", () => {
    const room = new KvRoom(V3, POOL, huge);
    expect([1, 7, 100_000].map((length) => room.tokensOf(length))).toEqual([1, 7, 100_000]);
    expect(room.longestSequence).toBe(room.capacityTokens);
  });

  it("counts full windows as full, and states from the first token on", () => {
    const windows = new KvRoom(OSS, POOL, huge);
    expect(windows.tokensOf(100)).toBe(100);
    expect(windows.tokensOf(1128)).toBe(128 + 1000 / 2);
    const states = new KvRoom(NEXT, POOL, huge);
    expect(states.tokensOf(10)).toBeCloseTo(10 + kvBytes(NEXT, 0) / 24_576, 9);
  });

  it.each([V3, OSS, NEXT, MAVERICK])("$name: the longest sequence fits, and no longer one", (model) => {
    const room = new KvRoom(model, POOL, huge);
    const longest = room.longestSequence;
    expect(room.tokensOf(longest)).toBeLessThanOrEqual(room.capacityTokens);
    expect(room.tokensOf(longest + 1)).toBeGreaterThan(room.capacityTokens);
  });

  it("is none where the weights leave none", () => {
    expect(new KvRoom(V3, { ...POOL, slotsPerGpu: 100 }, H800).longestSequence).toBe(0);
  });

  it("holds sequences of any length where nothing grows", () => {
    const model = modelLike({ ...NEXT, attention: NEXT.attention.slice(0, 1) }, {});
    const room = new KvRoom(model, POOL, huge);
    expect(room.tokensOf(10)).toBe(1);
    expect(room.tokensOf(1e9)).toBe(1);
    expect(room.longestSequence).toBeGreaterThan(1e9);
  });
});
