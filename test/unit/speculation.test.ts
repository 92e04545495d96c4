import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { noAttentionWork, promptPartOf, readPart } from "../../src/core/cost/attention-work.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { Rng } from "../../src/lib/rng.ts";
import { kvBytes } from "../../src/model/moe-model.ts";
import { DraftTime, withDraftLayer } from "../../src/twin/pool/draft-layer.ts";
import { AcceptedDrafts, type Speculation } from "../../src/twin/pool/speculation.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { stepBatch } from "../../src/twin/step-batch.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { EP32, SMALL_MODEL } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

const V3 = await loadModel("deepseek-v3");
const routing = new SyntheticRouting(SMALL_MODEL, 3);
const plan = smallPlan();

function poolWith(speculation: Speculation | null, seed = 1): SimulatedPool {
  return new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "even", seed, speculation }, plan);
}

describe("accepted drafts", () => {
  it("are those before the first that is refused", () => {
    const draws = 20_000;
    const drafts = new AcceptedDrafts({ draftTokens: 3, acceptance: 0.7 }, new Rng(1));
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < draws; i++) counts[drafts.draw(3)]++;
    const parts = counts.map((count) => count / draws);
    for (const [i, part] of [0.3, 0.7 * 0.3, 0.7 ** 2 * 0.3, 0.7 ** 3].entries()) {
      expect(Math.abs(parts[i] - part)).toBeLessThan(0.015);
    }
  });
});

describe("a pool that drafts", () => {
  it("forwards drafts with the last token, and makes as many as are accepted, never behind the end", () => {
    const pool = poolWith({ draftTokens: 2, acceptance: 1 });
    pool.submit({ id: 1, rank: 0, inputTokens: 10, outputTokens: 8 });
    expect(pool.step()).toMatchObject({ tokens: 10, made: [1] });
    expect(pool.step()).toMatchObject({ tokens: 3, decoding: 1, made: [1, 1, 1] });
    expect(pool.batch.work[0]).toMatchObject({ tokens: 3, sampled: 3, decoding: 1, drafted: 2 });
    // It attends to 11, 12 and 13 tokens, which are read once; none of them is of a prompt.
    expect(pool.batch.work[0].decodeContext).toBe(11 + 12 + 13);
    expect(readPart(pool.batch.work[0])).toBe(1 / 3);
    expect(promptPartOf(pool.batch.work)).toBe(0);
    expect(pool.step()).toMatchObject({ tokens: 3, made: [1, 1, 1], finished: [] });
    expect(pool.step()).toMatchObject({ tokens: 3, made: [1], finished: [1] });
  });

  it("takes longer for a step, whatever is accepted of it", () => {
    const steps = [null, { draftTokens: 1, acceptance: 0 }, { draftTokens: 3, acceptance: 0 }].map((each) => {
      const pool = poolWith(each);
      for (let id = 0; id < 8; id++) pool.submit({ id, rank: id % 4, inputTokens: 10, outputTokens: 3 });
      pool.step();
      return pool.step();
    });
    expect(steps.map((step) => step?.made.length)).toEqual([8, 8, 8]);
    expect(steps.map((step) => step?.tokens)).toEqual([8, 16, 32]);
    expect(steps[1]?.ms).toBeGreaterThan(steps[0]?.ms ?? 0);
    expect(steps[2]?.ms).toBeGreaterThan(steps[1]?.ms ?? 0);
  });

  it("draws other numbers of tokens with another seed", () => {
    const made = [1, 1, 2].map((seed) => {
      const pool = poolWith({ draftTokens: 3, acceptance: 0.5 }, seed);
      pool.submit({ id: 1, rank: 0, inputTokens: 10, outputTokens: 60 });
      const counts: number[] = [];
      for (let step = pool.step(); step !== null; step = pool.step()) counts.push(step.made.length);
      return counts.join();
    });
    expect(made[0]).toBe(made[1]);
    expect(made[0]).not.toBe(made[2]);
  });

  it("has the cache and the weights of one more layer", () => {
    const [plain, drafting] = [poolWith(null), poolWith({ draftTokens: 1, acceptance: 0.5 })];
    expect(drafting.kvBytes(7)).toBe(
      (kvBytes(SMALL_MODEL, 7) / SMALL_MODEL.layers) * (SMALL_MODEL.layers + 1),
    );
    expect(drafting.room.capacityBytes).toBeLessThan(plain.room.capacityBytes);
    expect(withDraftLayer(V3)).toMatchObject({ layers: 61, mtpLayers: 1 });
    expect(withDraftLayer(V3).moeLayers.at(-1)).toBe(61);
    expect(withDraftLayer(withDraftLayer(V3))).toEqual(withDraftLayer(V3));
  });
});

describe("the time that drafting takes", () => {
  const batch = stepBatch(32, []);
  for (const work of batch.work) {
    Object.assign(work, { ...noAttentionWork(), tokens: 128, sampled: 128, decoding: 64, drafted: 64 });
    work.decodeContext = 128 * 2000;
  }
  const MS = 50;
  const ms = (model: typeof V3, draftTokens: number) =>
    new DraftTime(model, EP32, H800, draftTokens).ms(batch, MS);

  it("is for every drafted token an average layer's, and logits", () => {
    const outside = 1000 * new StepCost(V3, EP32, H800).outsideMoe(batch.work);
    // Logits of so few tokens are bound by reading the head.
    const logits = (1000 * V3.vocabulary * V3.hidden * 2) / H800.kvBandwidth;
    expect(ms(V3, 1)).toBeCloseTo((MS - outside) / 58 + logits, 9);
    expect(ms(V3, 3)).toBeCloseTo(3 * ms(V3, 1), 9);
  });

  it("is part of the step where the model has the layer", () => {
    const withLayer = withDraftLayer(V3);
    expect(ms(withLayer, 1)).toBe(0);
    expect(ms(withLayer, 2)).toBeGreaterThan(0);
  });
});
