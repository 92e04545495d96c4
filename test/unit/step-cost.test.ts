import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { type AttentionWork, chunkContext, noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { H800, lowLatencyPoint } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type LayerTally, layerTally } from "../../src/model/layer-tally.ts";
import { kvBytesPerToken } from "../../src/model/moe-model.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { EP32 } from "../../harness/small-model.ts";

const model = await loadModel("deepseek-v3");
const cost = new StepCost(model, EP32, H800);
/** Costs only what travels. */
const exchange = new StepCost(model, EP32, {
  ...H800,
  expertFlops: Number.POSITIVE_INFINITY,
  weightBandwidth: Number.POSITIVE_INFINITY,
});
const GPUS = gpuCount(EP32);

/** So many selections computed on each GPU, spread over its slots, and sent from each. */
function tally(perGpu: (gpu: number) => number): LayerTally {
  const filled = layerTally(EP32);
  for (let gpu = 0; gpu < GPUS; gpu++) {
    const selections = perGpu(gpu);
    filled.gpuLoad[gpu] = filled.selectionsFrom[gpu] = filled.rankReceives[gpu] = selections;
    filled.nodeSends[gpu] = filled.nodeReceives[gpu] = Math.floor(selections / 3);
    for (let slot = 0; slot < EP32.slotsPerGpu; slot++) {
      filled.slotLoad[gpu * EP32.slotsPerGpu + slot] = Math.floor((selections + slot) / EP32.slotsPerGpu);
    }
    filled.selections += selections;
  }
  return filled;
}

function rank(work: Partial<AttentionWork>): AttentionWork {
  return { ...noAttentionWork(), ...work };
}

describe("published sizes", () => {
  it("a token of DeepSeek-V3 keeps 70,272 bytes of cache", () => {
    expect(kvBytesPerToken(model)).toBe(70_272);
  });

  it("a GPU has room for the cache that its weights leave of the memory engines use", () => {
    const tokens = new KvRoom(model, EP32, H800).capacityTokens;
    const experts = 58 * (9 + 1) * 44.05e6;
    const attention = 61 * 187.1e6;
    const dense = 3 * 3 * 7168 * 18_432;
    const vocabulary = 2 * 129_280 * 7168 * 2;
    const gates = 58 * 7168 * 256 * 2;
    const room = 0.85 * 80e9 - experts - attention - dense - gates - vocabulary;
    expect(Math.abs((tokens * 70_272) / room - 1)).toBeLessThan(0.001);
    expect(new KvRoom(model, { ...EP32, slotsPerGpu: 100 }, H800).capacityTokens).toBe(0);
  });
});

describe("the low-latency exchange", () => {
  it.each([
    [8, 77, 114],
    [32, 155, 273],
    [256, 194, 360],
  ])("takes what DeepEP measured on %i ranks", (ranks, dispatchUs, combineUs) => {
    expect(lowLatencyPoint(H800, ranks)).toMatchObject({ dispatchUs, combineUs });
  });

  it("lies between the measured points in between, and at the ends beyond them", () => {
    expect(lowLatencyPoint(H800, 4)).toMatchObject({ dispatchUs: 77 });
    expect(lowLatencyPoint(H800, 512)).toMatchObject({ dispatchUs: 194 });
    expect(lowLatencyPoint(H800, Math.sqrt(32 * 64))).toEqual({ dispatchUs: 164, combineUs: 293.5 });
  });

  it("costs a layer of 128 tokens per rank on EP32 155 + 273 µs", () => {
    expect(
      exchange.experts(
        tally(() => 128 * 8),
        128,
      ) * 1e6,
    ).toBeCloseTo(428, 9);
  });

  it("never takes less than its floor", () => {
    expect(exchange.experts(layerTally(EP32), 1) * 1e6).toBeCloseTo(16.3 + 12.2, 9);
  });
});

describe("the normal exchange", () => {
  it("is bound by the busiest link between nodes or within one", () => {
    const bytes = 7168 * (1 + 4 / 128 + 2);
    const floor = (26.8 + 31.6 + 50.9 + 33.1) * 1e-6;
    expect(exchange.experts(layerTally(EP32), 4096, 1)).toBeCloseTo(floor, 12);
    const between = layerTally(EP32);
    between.nodeReceives[3] = 1000;
    expect(exchange.experts(between, 4096, 1)).toBeCloseTo(floor + (1000 * bytes) / 40e9, 12);
    between.rankReceives[5] = 4001;
    expect(exchange.experts(between, 4096, 1)).toBeCloseTo(floor + (4001 * bytes) / 160e9, 12);
  });
});

describe("a layer's experts", () => {
  it("last as long as on the busiest GPU", () => {
    const balanced = cost.experts(
      tally(() => 4000),
      4096,
    );
    expect(
      cost.experts(
        tally((gpu) => (gpu === 7 ? 8000 : 4000)),
        4096,
      ),
    ).toBeGreaterThan(balanced * 1.2);
    expect(
      cost.experts(
        tally((gpu) => (gpu === 7 ? 2000 : 4000)),
        4096,
      ),
    ).toBe(balanced);
  });

  it("with few tokens, last as long as reading the weights of the experts that are used", () => {
    const one = layerTally(EP32);
    one.gpuLoad[0] = one.slotLoad[0] = 1;
    const two = layerTally(EP32);
    two.gpuLoad[0] = 2;
    two.slotLoad[0] = two.slotLoad[1] = 1;
    const reading = (used: LayerTally) => cost.experts(used, 1) - exchange.experts(used, 1);
    expect(reading(one)).toBeCloseTo((3 * 7168 * 2048) / 2370e9, 7);
    expect(reading(two) / reading(one)).toBeCloseTo(2, 9);
  });

  it.each([128, 2048])("are never slower balanced than the same tokens unbalanced (%i a rank)", (tokens) => {
    const prompts = tokens > 128 ? 1 : 0;
    const rng = new Rng(tokens);
    const balanced = cost.experts(
      tally(() => tokens * 8),
      tokens,
      prompts,
    );
    for (let run = 0; run < 100; run++) {
      const perGpu = new Int32Array(GPUS).fill(tokens * 8);
      for (let move = 0; move < 50; move++) {
        const [from, to] = [rng.below(GPUS), rng.below(GPUS)];
        const moved = rng.below(perGpu[from] + 1);
        perGpu[from] -= moved;
        perGpu[to] += moved;
      }
      expect(
        cost.experts(
          tally((gpu) => perGpu[gpu]),
          tokens,
          prompts,
        ),
      ).toBeGreaterThanOrEqual(balanced);
    }
  });

  it.each([128, 2048])("never get faster by more selections (%i a rank)", (tokens) => {
    const prompts = tokens > 128 ? 1 : 0;
    const rng = new Rng(tokens, 1);
    const perGpu = new Int32Array(GPUS);
    let before = 0;
    for (let run = 0; run < 100; run++) {
      perGpu[rng.below(GPUS)] += rng.below(tokens);
      const now = cost.experts(
        tally((gpu) => perGpu[gpu]),
        tokens,
        prompts,
      );
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });
});

describe("what does not depend on routing", () => {
  const idle = Array.from({ length: GPUS }, noAttentionWork);
  const withFirst = (work: Partial<AttentionWork>) => cost.fixed([rank(work), ...idle.slice(1)]);

  it("costs nothing without tokens", () => {
    expect(cost.fixed(idle)).toBe(0);
  });

  it("lasts as long as on the busiest rank", () => {
    const busy = { tokens: 64, decodeContext: 64 * 2000, sampled: 64 };
    const all = Array.from({ length: GPUS }, () => rank(busy));
    expect(cost.fixed(all)).toBe(withFirst(busy));
  });

  it("grows with tokens, contexts and logits", () => {
    const base = { tokens: 1000, prefillContext: 500_000, decodeContext: 500_000, sampled: 500 };
    const before = withFirst(base);
    expect(withFirst({ ...base, tokens: 2000 })).toBeGreaterThan(before);
    expect(withFirst({ ...base, prefillContext: 1e6 })).toBeGreaterThan(before);
    expect(withFirst({ ...base, decodeContext: 1e6 })).toBeGreaterThan(before);
    expect(withFirst({ ...base, sampled: 1000 })).toBeGreaterThan(before);
  });

  it("decodes at the speed of reading the cache or of computing, whichever is less", () => {
    const context = 128 * 5000;
    const attention = (step: StepCost) =>
      step.fixed([rank({ tokens: 128, decodeContext: context })]) - step.fixed([rank({ tokens: 128 })]);
    const reading = (context * 70_272) / 3000e9;
    expect(attention(new StepCost(model, EP32, { ...H800, attentionFlops: 1e18 }))).toBeCloseTo(reading, 9);
    const computing = (2 * context * 61 * 128 * (2 * 512 + 64)) / 660e12;
    expect(attention(new StepCost(model, EP32, { ...H800, kvBandwidth: 1e18 }))).toBeCloseTo(computing, 9);
    expect(attention(cost)).toBeCloseTo(Math.max(reading, computing), 9);
  });
});

it("a prompt's tokens attend to what came before them and to themselves", () => {
  expect(chunkContext(0, 4)).toBe(1 + 2 + 3 + 4);
  expect(chunkContext(10, 3)).toBe(11 + 12 + 13);
});
