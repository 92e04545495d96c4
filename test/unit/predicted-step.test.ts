import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { addDecode, attentionWindows, noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { ENGINE_H800 } from "../../src/core/cost/hardware.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import { Rng } from "../../src/lib/rng.ts";
import { PREDICTED_CONTEXT, stepPredictor } from "../../src/serving/locality/predicted-step.ts";

const TOPOLOGY = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 32 };
const TOKENS = 64;

describe("a predicted step", () => {
  it("takes about as long as one whose tokens are counted one by one, and longer the more it reads", async () => {
    const model = await loadModel("deepseek-v3");
    const rng = new Rng(1);
    const cost = new StepCost(model, TOPOLOGY, ENGINE_H800);
    const counter = new TallyCounter(TOPOLOGY);
    const slots = new Int32Array(TOKENS * model.topk);
    for (let token = 0; token < TOKENS; token++) {
      const chosen = new Set<number>();
      while (chosen.size < model.topk) chosen.add(rng.below(model.experts));
      slots.set([...chosen], token * model.topk);
    }
    const sources = Int32Array.from({ length: TOKENS }, (_, token) => Math.floor(token / 8));
    const rows = Int32Array.from({ length: TOKENS }, (_, token) => token);
    const batch = {
      tokens: TOKENS,
      sources,
      rows,
      experts: Int16Array.from(slots),
      rowStride: model.topk,
      topk: model.topk,
    };
    const tally = counter.count(batch, slots);
    let fullest = 0;
    for (let gpu = 0; gpu < 8; gpu++) {
      const own = tally.slotLoad.subarray(gpu * 32, (gpu + 1) * 32);
      fullest = Math.max(fullest, own.filter((load) => load > 0).length);
    }
    const windows = attentionWindows(model);
    const ranks = Array.from({ length: 8 }, () => {
      const work = noAttentionWork(windows.length);
      for (let i = 0; i < 8; i++) addDecode(work, PREDICTED_CONTEXT, windows);
      return work;
    });
    const layers = model.moeLayers.length;
    const [whole, half] = [cost.attention(ranks)[0], cost.halfAttention(ranks)[0]];
    const inTurn = layers * cost.inTurn(tally, 8, whole);
    const overlapped = layers * cost.overlapped(tally, 8, half);
    const counted = 1000 * (cost.outsideMoe(ranks) + Math.min(inTurn, overlapped));
    const msOf = stepPredictor(model, TOPOLOGY, TOKENS);
    expect(msOf(fullest) / counted).toBeGreaterThan(0.95);
    expect(msOf(fullest) / counted).toBeLessThan(1.05);
    expect(msOf(20)).toBeLessThan(msOf(24));
    expect(msOf(24)).toBeLessThan(msOf(32));
  });
});
