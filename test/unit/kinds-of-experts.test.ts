import { describe, expect, it } from "vitest";
import { modelLike } from "../../harness/small-model.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { type AttentionWork, noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { lowLatencyExchangeBytes, normalExchangeBytes } from "../../src/core/cost/exchange-bytes.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { nodeHopCost } from "../../src/core/cost/hop-cost.ts";
import { kvCapacityBytes } from "../../src/core/cost/memory.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { chunkLayers } from "../../src/core/migration/chunk-layers.ts";
import { transferMs } from "../../src/core/migration/transfer-time.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import { type MoeModel, expertBytes } from "../../src/model/moe-model.ts";
import { layerStagingBytes, usualStagingBytes } from "../../src/model/staging.ts";

const POOL = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 4 };
const [V3, MAVERICK, QWEN] = await Promise.all(
  ["deepseek-v3", "llama-4-maverick", "qwen3-30b-a3b"].map((name) => loadModel(name)),
);

const fixed = (model: MoeModel, work: AttentionWork, hardware = H800) =>
  new StepCost(model, POOL, hardware).fixed([work]);

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
