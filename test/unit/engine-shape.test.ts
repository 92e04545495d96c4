import { describe, expect, it, test } from "vitest";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { addDecode, addPrefill, noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { evenTally } from "../../src/core/cost/even-tally.ts";
import { normalExchangeBytes } from "../../src/core/cost/exchange-bytes.ts";
import { H800, type Hardware } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { weightBytes } from "../../src/core/cost/memory.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { PLAIN_SHAPE, partOfModel, rankCount, unitOf } from "../../src/model/engine-shape.ts";
import { kvBytesPerToken } from "../../src/model/moe-model.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { precisionOf, servedIn } from "../../src/model/serving-precision.ts";
import { WIDE_EP_ENGINE } from "../../src/twin/engine-settings.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";

const [V3, QWEN, OSS] = await Promise.all(
  ["deepseek-v3", "qwen3-235b-a22b", "gpt-oss-120b"].map((name) => loadModel(name)),
);
const units = (gpusPerNode: number, slotsPerGpu: number) => ({ nodes: 1, gpusPerNode, slotsPerGpu });

describe("ranks and expert units", () => {
  it.each([
    // Attention TP with EP, and with TP experts; data-parallel attention with either; both in between.
    [8, 1, 8, 1],
    [1, 8, 8, 1],
    [8, 1, 1, 8],
    [1, 8, 1, 8],
    [2, 4, 2, 4],
  ])(
    "%i units of %i GPUs with attention on groups of %i are %i ranks",
    (count, moeTp, attentionTp, ranks) => {
      expect(rankCount(units(count, 1), { attentionTp, moeTp })).toBe(ranks);
    },
  );

  it("every unit begins as many of a rank's tokens, and ranks on one unit share it", () => {
    const of = (ranks: number, count: number) =>
      Array.from({ length: ranks }, (_, rank) =>
        Array.from({ length: 8 }, (_, token) => unitOf(rank, token, ranks, count)),
      );
    expect(of(1, 4)).toEqual([[0, 1, 2, 3, 0, 1, 2, 3]]);
    expect(of(2, 4)).toEqual([
      [0, 1, 0, 1, 0, 1, 0, 1],
      [2, 3, 2, 3, 2, 3, 2, 3],
    ]);
    expect(of(4, 2).map(([unit]) => unit)).toEqual([0, 0, 1, 1]);
    expect(of(3, 3).map(([unit]) => unit)).toEqual([0, 1, 2]);
  });

  it("GPUs that are no whole number of groups are refused", () => {
    expect(() => rankCount(units(6, 1), { attentionTp: 4, moeTp: 1 })).toThrow("6 GPUs");
  });
});

describe("a GPU's part of a model", () => {
  it("is the model where nothing is divided", () => {
    expect(partOfModel(V3, PLAIN_SHAPE)).toBe(V3);
  });

  it("has its part of what is divided: heads, dense networks, vocabulary, experts", () => {
    const part = partOfModel(QWEN, { attentionTp: 4, moeTp: 4 });
    const [whole, cut] = [weightBytes(QWEN), weightBytes(part)];
    expect(cut.perSlot / whole.perSlot).toBeCloseTo(1 / 4, 2);
    // Gates stay whole.
    expect(cut.everywhere / whole.everywhere).toBeGreaterThan(1 / 4);
    expect(cut.everywhere / whole.everywhere).toBeLessThan(0.27);
  });

  it("keeps a latent cache whole, divides heads of keys, and no further than there are some", () => {
    const bytes = (model: typeof V3, attentionTp: number) =>
      kvBytesPerToken(partOfModel(model, { attentionTp, moeTp: 1 }));
    expect(bytes(V3, 8)).toBe(bytes(V3, 1));
    expect(bytes(QWEN, 4)).toBe(bytes(QWEN, 1) / 4);
    expect(bytes(QWEN, 8)).toBe(bytes(QWEN, 4));
    expect(bytes(OSS, 4)).toBe(bytes(OSS, 1) / 4);
  });

  it("leaves more room for a rank's cache, the more its group divides", () => {
    const gpu = { ...H800, memoryBytes: 141e9 };
    const room = (attentionTp: number, moeTp: number) =>
      new KvRoom(QWEN, units(8 / moeTp, (QWEN.experts * moeTp) / 8), gpu, { attentionTp, moeTp });
    expect(room(4, 1).capacityTokens).toBeGreaterThan(3.9 * room(1, 1).capacityTokens);
    // Experts take as much memory whether they are divided or dealt out.
    expect(room(1, 8).capacityTokens / room(1, 1).capacityTokens).toBeCloseTo(1, 1);
  });
});

describe("a step with tensor parallelism", () => {
  const RICH: Hardware = {
    ...H800,
    reduce: { latency: 0, bandwidth: Number.POSITIVE_INFINITY, betweenNodes: 40e9 },
  };
  const cost = (tp: number, moeTp: number, hardware = RICH) =>
    new StepCost(QWEN, units(8 / moeTp, 16 * moeTp), hardware, { shape: { attentionTp: tp, moeTp } });
  const work = (prompt: boolean) => {
    const one = noAttentionWork();
    if (prompt) addPrefill(one, 0, 4096, []);
    else for (let i = 0; i < 64; i++) addDecode(one, 4000, []);
    return one;
  };

  it.each([
    ["prompts", true],
    ["answers", false],
  ])("takes a GPU less time for %s, the more of them share attention", (_, prompt) => {
    const seconds = (tp: number) => cost(tp, 1).fixed([work(prompt)]);
    expect(seconds(4)).toBeLessThan(seconds(1) / 3);
    expect(seconds(4)).toBeGreaterThan(seconds(1) / 4.2);
  });

  it("sums by all-reduces: one for attention, and one for experts where no other rank is there", () => {
    const latency = 1e-3;
    const slow = { ...RICH, reduce: { latency, bandwidth: Number.POSITIVE_INFINITY, betweenNodes: 40e9 } };
    const reduces = (tp: number) =>
      (cost(tp, 1, slow).fixed([work(false)]) - cost(tp, 1).fixed([work(false)])) / latency;
    expect(reduces(1)).toBe(0);
    // Two ranks of four GPUs: log2(4) doublings in each of the layers.
    expect(reduces(4)).toBeCloseTo(QWEN.layers * 2, 6);
    expect(reduces(8)).toBeCloseTo(2 * QWEN.layers * 3, 6);
    const thin = { ...RICH, reduce: { latency: 0, bandwidth: 1e9, betweenNodes: 1e9 } };
    const bytes = 2 * QWEN.layers * ((2 * 7) / 8) * 64 * QWEN.hidden * 2;
    expect(cost(8, 1, thin).fixed([work(false)]) - cost(8, 1).fixed([work(false)])).toBeCloseTo(
      bytes / 1e9,
      9,
    );
  });

  it("exchanges nothing within one rank, and gathers every rank's tokens where experts are divided", () => {
    const free = { ...RICH, weightBandwidth: 1e30, expertFlops: 1e30 };
    const tally = (count: number, perUnit: number) =>
      evenTally(units(count, QWEN.experts / count), {
        tokensPerRank: perUnit,
        topk: QWEN.topk,
        hops: 4,
        nodeHops: 0,
      });
    expect(cost(8, 1, free).experts(tally(8, 16), 128)).toBeLessThan(1e-12);
    const gathered = cost(1, 8, free).experts(tally(1, 8 * 16), 16);
    const { dispatch, combine } = normalExchangeBytes(QWEN, 7 * 16);
    expect(gathered).toBeCloseTo((dispatch + combine) / free.nvlinkBandwidth, 9);
  });

  it("computes a divided expert in as much less time", () => {
    const busy = { ...RICH, nvlinkBandwidth: 1e30, weightBandwidth: 1e30 };
    const at = (count: number, moeTp: number) => {
      const tally = evenTally(units(count, QWEN.experts / count), {
        tokensPerRank: 65_536 / count,
        topk: QWEN.topk,
        hops: 0,
        nodeHops: 0,
      });
      return cost(1, moeTp, busy).experts(tally, 8192, 1);
    };
    const floor = (26.8 + 31.6 + 50.9 + 33.1) * 1e-6;
    expect(at(1, 8) / (at(8, 1) - floor)).toBeCloseTo(1, 3);
  });
});

describe("fixed times", () => {
  const timed: Hardware = {
    ...H800,
    fixed: { step: 1, layer: 10, promptLayer: 1000, launch: 0, promptToken: 0 },
  };
  const decode = noAttentionWork();
  addDecode(decode, 100, []);
  const prompt = noAttentionWork();
  addPrefill(prompt, 0, 100, []);
  const pool = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 10 };
  const added = (...ranks: Parameters<StepCost["fixed"]>[0]) =>
    new StepCost(SMALL_MODEL, pool, timed).fixed(ranks) - new StepCost(SMALL_MODEL, pool, H800).fixed(ranks);

  test("are of a step and each of its layers, by what runs there", () => {
    const { layers } = SMALL_MODEL;
    expect(added(decode)).toBeCloseTo(1 + layers * 10, 6);
    expect(added(prompt)).toBeCloseTo(layers * 1000, 6);
    expect(added(decode, prompt)).toBeCloseTo(1 + layers * 1010, 6);
    expect(added(noAttentionWork())).toBe(0);
  });

  test("two micro-batches take the layer's twice", () => {
    const half = (hardware: Hardware) => new StepCost(SMALL_MODEL, pool, hardware).halfAttention([decode])[0];
    expect(half(timed) - half(H800)).toBeCloseTo(10, 9);
  });
});

describe("the precision that a model is served in", () => {
  it("changes what its weights and its cache take", () => {
    const bytes = (model: typeof V3) => weightBytes(model).perSlot;
    expect(bytes(servedIn(V3, "bf16")) / bytes(V3)).toBeCloseTo(2, 2);
    expect(bytes(servedIn(V3, "fp4")) / bytes(V3)).toBeCloseTo(0.5625, 2);
    expect(kvBytesPerToken(servedIn(V3, "fp8"))).toBe(kvBytesPerToken(V3) / 2);
    expect(kvBytesPerToken(servedIn(V3, "bf16"))).toBe(kvBytesPerToken(V3));
    expect(precisionOf(servedIn(V3, "int4").precision)).toBe("int4");
  });

  it("keeps a format of the model's own that is as narrow", () => {
    expect(servedIn(OSS, "fp4").precision.experts).toBe("mxfp4");
    expect(precisionOf(OSS.precision)).toBe("fp4");
    expect(precisionOf(V3.precision)).toBe("fp8");
  });
});

test("weights of divided experts travel to as many GPUs at once", () => {
  const routing = new SyntheticRouting(SMALL_MODEL, 1);
  const travel = (moeTp: number) => {
    const topology = units(4, 10);
    const [before, after] = [0, 1].map((shift) => {
      const placement = contiguousPlacement(SMALL_MOE_LAYERS, SMALL_MODEL.experts, topology);
      const width = 40;
      const moved = Int32Array.from(
        { length: SMALL_MOE_LAYERS * width },
        (_, slot) => placement.physicalToLogical[slot - (slot % width) + ((slot + 10 * shift) % width)],
      );
      return { ...placement, physicalToLogical: moved };
    });
    const engine = { ...WIDE_EP_ENGINE, shape: { attentionTp: moeTp, moeTp } };
    const replicas = indexReplicas(before);
    const shares = { values: new Float64Array(moeTp), prices: new Float64Array(moeTp) };
    const pool = new SimulatedPool(
      { model: SMALL_MODEL, routing, dispatch: "even", seed: 1, engine },
      { placement: before, replicas, shares },
    );
    return pool.transferMs(after);
  };
  expect(travel(1)).toBeGreaterThan(0);
  expect(travel(1) / travel(4)).toBeCloseTo(4, 1);
});

describe("two micro-batches", () => {
  const topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 8 };
  const seconds = (overlaps: boolean, attentionTp = 1, gpus = topology) => {
    const shape = { attentionTp, moeTp: 1 };
    const ranks = Array.from({ length: (gpus.nodes * gpus.gpusPerNode) / attentionTp }, () => {
      const work = noAttentionWork();
      addPrefill(work, 0, 8192, []);
      return work;
    });
    const traffic = { tokensPerRank: 8192 / attentionTp, topk: V3.topk, hops: 6.6, nodeHops: 2.3 };
    const time = new PassTime(new StepCost(V3, gpus, H800, { shape, overlaps }), ranks);
    for (let layer = 0; layer < V3.moeLayers.length; layer++) time.add(evenTally(gpus, traffic));
    return time.seconds;
  };

  test("overlap where the engine has them and they are faster", () => {
    expect(seconds(true)).toBeLessThan(0.9 * seconds(false));
  });

  test("hide nothing of one rank, which exchanges nothing", () => {
    const node = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 32 };
    expect(seconds(true, 8, node)).toBe(seconds(false, 8, node));
  });
});
