import { describe, expect, it } from "vitest";
import { H800 } from "../../src/core/cost/hardware.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { Balancer } from "../../src/core/planning/balancer.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { gpuWithCache } from "../gpu-with-cache.ts";
import { smallPlan } from "../small-plan.ts";

const routing = new SyntheticRouting(SMALL_MODEL, 3);
const plainPool = () =>
  new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "priced", seed: 1 }, smallPlan());

describe("a lost rank", () => {
  it("takes its requests and its cache with it, and nobody else's", () => {
    const simulated = plainPool();
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
    const simulated = plainPool();
    simulated.submit({ id: 1, rank: 0, inputTokens: 3000, outputTokens: 2 });
    simulated.submit({ id: 2, rank: 1, inputTokens: 10, outputTokens: 2 });
    const steps = [simulated.step(), simulated.step(), simulated.step(), simulated.step()];
    expect(steps.map((step) => step?.started)).toEqual([[1, 2], [], [], undefined]);
    expect(steps.map((step) => step?.prefillTokens)).toEqual([2058, 952, 0, undefined]);
    expect(steps.map((step) => step?.decoding)).toEqual([0, 1, 1, undefined]);
    expect(steps.map((step) => step?.preempted)).toEqual([[], [], [], undefined]);
  });

  it("goes on with a request whose cache has come from another pool", () => {
    const simulated = plainPool();
    simulated.submit({ id: 1, rank: 0, inputTokens: 3000, outputTokens: 3, prefilled: true });
    expect(simulated.step()).toMatchObject({ tokens: 1, prefillTokens: 0, made: [1], started: [1] });
    expect(simulated.rankStates()[0].kvTokens).toBe(3002);
    expect(simulated.step()).toMatchObject({ made: [1], finished: [1] });
    expect(simulated.step()).toBeNull();
  });

  it("still knows what a request that ended with it had found in the cache", () => {
    const simulated = plainPool();
    const prompt = { rank: 0, inputTokens: 600, outputTokens: 1, prefixBlocks: [7] };
    simulated.submit({ id: 1, ...prompt });
    simulated.step();
    simulated.submit({ id: 2, ...prompt });
    expect(simulated.step()).toMatchObject({ tokens: 88, finished: [2] });
    expect([simulated.cachedOf(1), simulated.cachedOf(2)]).toEqual([0, 512]);
  });
});

describe("a pool of prompts", () => {
  const prefill = (hardware = H800) =>
    new SimulatedPool(
      { model: SMALL_MODEL, routing, dispatch: "priced", seed: 1, role: "prefill", hardware },
      smallPlan(),
    );
  const prompt = { rank: 0, inputTokens: 600, outputTokens: 50, prefixBlocks: [7] };

  it("is done with a request's first token, and keeps its cache until it is released", () => {
    const pool = prefill();
    pool.submit({ id: 1, ...prompt });
    expect(pool.step()).toMatchObject({ made: [1], finished: [1] });
    expect(pool.rankStates()[0]).toMatchObject({ running: 0, waiting: 0, kvTokens: 601 });
    expect([pool.inFlight, pool.step()]).toEqual([1, null]);
    pool.release(1);
    expect([pool.inFlight, pool.rankStates()[0].kvTokens]).toEqual([0, 0]);
    // What begins alike still finds it.
    pool.submit({ id: 2, ...prompt });
    expect(pool.step()).toMatchObject({ prefillTokens: 88 });
  });

  it("loses caches that are held with their rank", () => {
    const pool = prefill();
    pool.submit({ id: 1, ...prompt });
    pool.step();
    pool.submit({ id: 2, ...prompt });
    expect(pool.lose(0)).toEqual([2, 1]);
    pool.release(1);
    expect(pool.rankStates()[0].kvTokens).toBe(0);
  });

  it("waits where caches that are held leave no room, and goes on once one is released", () => {
    const pool = prefill(gpuWithCache(250));
    for (const id of [1, 2, 3]) pool.submit({ id, rank: 0, inputTokens: 100, outputTokens: 50 });
    expect(pool.step()).toMatchObject({ finished: [1, 2], started: [1, 2] });
    expect([pool.step(), pool.rankStates()[0].waiting]).toEqual([null, 1]);
    pool.release(1);
    expect(pool.step()).toMatchObject({ finished: [3] });
  });
});

describe("steps while expert weights travel", () => {
  const times = (topology: typeof SMALL_TOPOLOGY, inputTokens: number) => {
    const cadence = { sharesMs: 1000, placementMs: 1000 };
    const map = new Balancer(SMALL_MODEL, topology, BALANCE_POLICIES.plimsoll, cadence, 0).current;
    return [false, true, false].map((on) => {
      const pool = new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "even", seed: 1 }, map);
      pool.setTransferring(true);
      pool.setTransferring(on);
      for (let id = 0; id < 4; id++) {
        pool.submit({ id, rank: id, inputTokens, outputTokens: 1, routing: { ...SPAN, offset: id } });
      }
      return pool.step()?.ms ?? Number.NaN;
    });
  };

  it.each([100, 2000])("take longer, though less than twice as long, at %i tokens a rank", (tokens) => {
    const [alone, shared, again] = times(SMALL_TOPOLOGY, tokens);
    expect(shared).toBeGreaterThan(alone);
    expect(shared).toBeLessThan(2 * alone);
    expect(again).toBe(alone);
  });

  it("take as long as ever within one node", () => {
    const [alone, shared] = times({ nodes: 1, gpusPerNode: 4, slotsPerGpu: 10 }, 100);
    expect(shared).toBe(alone);
  });
});

const SPAN = { base: 0, offset: 0, length: 1024, tenant: null };
