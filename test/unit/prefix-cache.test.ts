import { describe, expect, it } from "vitest";
import { PrefixCache } from "../../src/twin/prefix-cache.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

describe("a rank's cached prefixes", () => {
  it("match from a prompt's first block on, up to the first that is not there", () => {
    const cache = new PrefixCache();
    cache.keep([1, 2, 3]);
    expect(cache.match([1, 2, 9, 3])).toBe(2);
    expect(cache.match([2, 3])).toBe(2);
    expect(cache.match([9, 1])).toBe(0);
  });

  it("go longest unused first, of a prompt its end first", () => {
    const cache = new PrefixCache();
    cache.keep([1, 2, 3]);
    cache.keep([7, 8]);
    cache.match([1]);
    cache.limit(3);
    // Block 3 was last used with 2, block 1 just now.
    expect([cache.size, cache.match([1, 2, 3]), cache.match([7, 8])]).toEqual([3, 1, 2]);
    cache.limit(-1);
    expect(cache.size).toBe(0);
  });
});

describe("a pool", () => {
  const pool = () =>
    new SimulatedPool(
      { model: SMALL_MODEL, routing: new SyntheticRouting(SMALL_MODEL, 3), dispatch: "priced", seed: 1 },
      smallPlan(),
    );

  it("forwards of a prompt only what its rank has not seen, and always its last token", () => {
    const { step, submit } = bound(pool());
    submit(1, 0, [1, 2]);
    expect(step()).toBe(1024);
    submit(2, 0, [1, 2]);
    expect(step()).toBe(1);
    submit(3, 0, [1, 5]);
    expect(step()).toBe(512);
    submit(4, 1, [1, 2]);
    expect(step()).toBe(1024);
  });

  it("counts what it found", () => {
    const simulated = pool();
    const { step, submit } = bound(simulated);
    submit(1, 0, [1, 2]);
    step();
    submit(2, 0, [1, 3]);
    step();
    expect(simulated.cachedTokens).toBe(512);
  });
});

/** Prompts of 1,024 tokens, answered with one. */
function bound(pool: SimulatedPool) {
  const routing = { base: 0, offset: 0, length: 1024, tenant: null };
  return {
    submit: (id: number, rank: number, blocks: readonly number[]) =>
      pool.submit({ id, rank, inputTokens: 1024, outputTokens: 1, routing, prefixBlocks: blocks }),
    step: () => pool.step()?.tokens,
  };
}
