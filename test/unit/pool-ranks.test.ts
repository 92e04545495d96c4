import { describe, expect, it } from "vitest";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

const routing = new SyntheticRouting(SMALL_MODEL, 3);
const pool = () =>
  new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "priced", seed: 1 }, smallPlan());

describe("a lost rank", () => {
  it("takes its requests and its cache with it, and nobody else's", () => {
    const simulated = pool();
    const prompt = { inputTokens: 1024, outputTokens: 3 };
    for (let id = 0; id < 300; id++)
      simulated.submit({ id, rank: 1, ...prompt, prefixBlocks: [id, 1000 + id] });
    simulated.submit({ id: 900, rank: 0, ...prompt });
    simulated.step();
    expect(simulated.lose(1).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, id) => id));
    expect(simulated.inFlight).toBe(1);
    expect(simulated.rankStates()[1]).toMatchObject({ running: 0, waiting: 0, kvTokens: 0 });
    expect(simulated.lose(1)).toEqual([]);
    expect(simulated.step()).toMatchObject({ tokens: 1, made: [900] });
    expect(() => simulated.submit({ id: 901, rank: 1, ...prompt })).toThrow("lost");
    simulated.restore(1);
    simulated.submit({ id: 902, rank: 1, ...prompt, prefixBlocks: [0, 1000] });
    expect(simulated.step()).toMatchObject({ prefillTokens: 1024, started: [902], finished: [900] });
    expect(simulated.cachedOf(902)).toBe(0);
  });
});

describe("a step", () => {
  it("says what it forwarded, and what began with it", () => {
    const simulated = pool();
    simulated.submit({ id: 1, rank: 0, inputTokens: 3000, outputTokens: 2 });
    simulated.submit({ id: 2, rank: 1, inputTokens: 10, outputTokens: 2 });
    const steps = [simulated.step(), simulated.step(), simulated.step(), simulated.step()];
    expect(steps.map((step) => step?.started)).toEqual([[1, 2], [], [], undefined]);
    expect(steps.map((step) => step?.prefillTokens)).toEqual([2058, 952, 0, undefined]);
    expect(steps.map((step) => step?.decoding)).toEqual([0, 1, 1, undefined]);
    expect(steps.map((step) => step?.preempted)).toEqual([[], [], [], undefined]);
  });

  it("goes on with a request whose cache has come from another pool", () => {
    const simulated = pool();
    simulated.submit({ id: 1, rank: 0, inputTokens: 3000, outputTokens: 3, prefilled: true });
    expect(simulated.step()).toMatchObject({ tokens: 1, prefillTokens: 0, made: [1], started: [1] });
    expect(simulated.rankStates()[0].kvTokens).toBe(3002);
    expect(simulated.step()).toMatchObject({ made: [1], finished: [1] });
    expect(simulated.step()).toBeNull();
  });

  it("still knows what a request that ended with it had found in the cache", () => {
    const simulated = pool();
    const prompt = { rank: 0, inputTokens: 600, outputTokens: 1, prefixBlocks: [7] };
    simulated.submit({ id: 1, ...prompt });
    simulated.step();
    simulated.submit({ id: 2, ...prompt });
    expect(simulated.step()).toMatchObject({ tokens: 88, finished: [2] });
    expect([simulated.cachedOf(1), simulated.cachedOf(2)]).toEqual([0, 512]);
  });
});
