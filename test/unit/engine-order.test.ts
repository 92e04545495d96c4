import { describe, expect, it } from "vitest";
import { BATCHING, type Batching } from "../../src/twin/pool/batching.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { gpuWithCache } from "../gpu-with-cache.ts";
import { smallPlan } from "../small-plan.ts";

const routing = new SyntheticRouting(SMALL_MODEL, 1);
const plan = smallPlan();

/** Requests by id: tokens of prompt and answer; all are on rank 0. */
type Requests = Readonly<Record<number, readonly [number, number]>>;

/** A rank of an engine whose cache has room for so many tokens, and what its steps were made of. */
function recording(batching: Batching, cacheTokens: number) {
  const hardware = gpuWithCache(cacheTokens);
  const pool = new SimulatedPool(
    { model: SMALL_MODEL, routing, dispatch: "even", seed: 1, batching, hardware },
    plan,
  );
  return {
    pool,
    submit: (requests: Requests) => {
      for (const [id, [inputTokens, outputTokens]] of Object.entries(requests)) {
        pool.submit({ id: Number(id), rank: 0, inputTokens, outputTokens });
      }
    },
    /** Prompt tokens and answers of a step, who got tokens, who gave up its cache. */
    step: () => {
      const step = pool.step();
      if (step === null) return null;
      const { prefillTokens, decoding, made, preempted } = step;
      return { prefillTokens, decoding, made, preempted };
    },
  };
}

describe("vLLM's order", () => {
  const vllm = { ...BATCHING.vllm, stepTokens: 64, runningPerRank: 4 };

  it("has answers first, then prompts in the order they came, of which the last is cut where the step is full", () => {
    const { submit, step } = recording(vllm, 10_000);
    submit({ 1: [20, 9], 2: [30, 9], 3: [100, 9] });
    expect(step()).toEqual({ prefillTokens: 64, decoding: 0, made: [1, 2], preempted: [] });
    submit({ 4: [5, 9] });
    // Two answers, and 62 tokens for the prompt that was cut: 14 of its 100 were forwarded before.
    expect(step()).toEqual({ prefillTokens: 62, decoding: 2, made: [1, 2], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 24 + 5, decoding: 2, made: [1, 2, 3, 4], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 0, decoding: 4, made: [1, 2, 3, 4], preempted: [] });
  });

  it("runs no more requests than it may", () => {
    const { submit, step, pool } = recording(vllm, 10_000);
    submit({ 1: [1, 2], 2: [1, 3], 3: [1, 3], 4: [1, 3], 5: [1, 3] });
    expect(step()?.made).toEqual([1, 2, 3, 4]);
    expect(pool.rankStates()[0]).toMatchObject({ running: 4, waiting: 1 });
    expect(step()?.made).toEqual([1, 2, 3, 4]);
    expect(step()?.made).toEqual([2, 3, 4, 5]);
  });

  it("takes the cache from the last that runs, which is forwarded anew, first of all that wait", () => {
    // Nine pages of 16 tokens.
    const { submit, step, pool } = recording(vllm, 144);
    submit({ 1: [30, 30], 2: [30, 30], 3: [30, 30], 4: [60, 9] });
    expect(step()).toMatchObject({ prefillTokens: 64, made: [1, 2] });
    // The third's prompt was cut after four tokens; the fourth's four pages find no room beside six.
    expect(step()).toMatchObject({ prefillTokens: 26, decoding: 2, made: [1, 2, 3] });
    expect(pool.rankStates()[0]).toMatchObject({ running: 3, waiting: 1, kvTokens: 96 });
    // Each takes a third page. For its 49th token the first needs a fourth, and there is none.
    const steps = Array.from({ length: 18 }, step);
    expect(steps.slice(0, 17).flatMap((each) => each?.preempted)).toEqual([]);
    expect(steps[17]).toEqual({ prefillTokens: 0, decoding: 2, made: [1, 2], preempted: [3] });
    expect(pool.rankStates()[0]).toMatchObject({ running: 2, waiting: 2, kvTokens: 128 });
    // It has made 18 tokens. Once there are three pages, it goes on before the fourth: of its 48 tokens the first page
    // is still there, and the others are forwarded anew.
    const rest = Array.from({ length: 10 }, step);
    expect(rest.slice(0, 9).every((each) => each?.prefillTokens === 0)).toBe(true);
    expect(rest[9]).toEqual({ prefillTokens: 0, decoding: 2, made: [1, 2], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 32 + 32, decoding: 0, made: [3], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 28, decoding: 1, made: [3, 4], preempted: [] });
    const last: number[] = [];
    for (let each = step(); each !== null; each = step()) last.push(...each.made);
    expect([3, 4].map((id) => last.filter((other) => other === id).length)).toEqual([30 - 20, 9 - 1]);
  });
});

describe("SGLang's order", () => {
  const sglang = { ...BATCHING.sglang, stepTokens: 64, runningPerRank: 4 };

  it("has steps of prompts while there are any, then steps of answers", () => {
    const { submit, step } = recording(sglang, 10_000);
    submit({ 1: [20, 9], 2: [30, 9], 3: [100, 9] });
    expect(step()).toEqual({ prefillTokens: 64, decoding: 0, made: [1, 2], preempted: [] });
    submit({ 4: [5, 9] });
    expect(step()).toEqual({ prefillTokens: 64, decoding: 0, made: [], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 22 + 5, decoding: 0, made: [3, 4], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 0, decoding: 4, made: [1, 2, 3, 4], preempted: [] });
    submit({ 5: [5, 9] });
    // Four run, which is all that may.
    expect(step()).toMatchObject({ prefillTokens: 0, made: [1, 2, 3, 4] });
  });

  it("has both in a step where chunks are mixed, of the same tokens", () => {
    const { submit, step } = recording({ ...sglang, mixed: true }, 10_000);
    submit({ 1: [20, 9], 2: [100, 9] });
    expect(step()).toEqual({ prefillTokens: 64, decoding: 0, made: [1], preempted: [] });
    expect(step()).toEqual({ prefillTokens: 56, decoding: 1, made: [2, 1], preempted: [] });
    submit({ 3: [100, 9] });
    expect(step()).toEqual({ prefillTokens: 62, decoding: 2, made: [1, 2], preempted: [] });
  });

  it("starts a request where it fits to its end beside a fifth of what others make, and then none until one leaves", () => {
    const { submit, step, pool } = recording(sglang, 200);
    submit({ 1: [20, 80] });
    step();
    // Of 180 tokens a fifth of 79 are kept: the second takes 130 to its end, the third would take 60.
    submit({ 2: [50, 80] });
    expect(step()).toMatchObject({ prefillTokens: 50 });
    submit({ 3: [20, 80] });
    expect(step()).toMatchObject({ prefillTokens: 0, decoding: 2 });
    submit({ 4: [1, 1] });
    expect(step()).toMatchObject({ prefillTokens: 0, decoding: 2 });
    pool.cancel(2);
    expect(step()).toMatchObject({ prefillTokens: 20 + 1, made: [3, 4] });
  });

  it("takes the cache from the answer that has made least, of these the longest prompt, which waits as the last", () => {
    const { submit, step, pool } = recording(sglang, 300);
    submit({ 1: [20, 90] });
    for (let i = 0; i < 3; i++) step();
    submit({ 2: [30, 90], 3: [20, 90], 4: [60, 90] });
    expect(step()).toMatchObject({ prefillTokens: 50, made: [2, 3] });
    // They have 22, 30 and 20 tokens in the cache, and one more each with every step: 300 after 76.
    const steps = Array.from({ length: 77 }, step);
    expect(steps.slice(0, 76).flatMap((each) => each?.preempted)).toEqual([]);
    expect(steps[76]).toEqual({ prefillTokens: 0, decoding: 2, made: [1, 3], preempted: [2] });
    expect(pool.rankStates()[0]).toMatchObject({ running: 2, waiting: 2 });
    const rest: { prefillTokens: number; made: readonly number[] }[] = [];
    for (let each = step(); each !== null; each = step()) rest.push(each);
    const prompts = rest.filter(({ prefillTokens }) => prefillTokens > 0);
    // Of its prompt's 30 tokens 20 are still there; the others and the 77 it had made are forwarded in two steps.
    expect(prompts.map(({ prefillTokens }) => prefillTokens)).toEqual([60, 64, 10 + 77 - 64]);
    expect(prompts.flatMap(({ made }) => made)).toEqual([4, 2]);
    const made = rest.flatMap((each) => each.made);
    expect([2, 4].map((id) => made.filter((other) => other === id).length)).toEqual([90 - 77, 90]);
  });
});
