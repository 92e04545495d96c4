import { describe, expect, it } from "vitest";
import { PrefixCache } from "../../src/twin/pool/prefix-cache.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

describe("a rank's cached prefixes", () => {
  /** A byte a token, in pages of four. */
  const cache = () => new PrefixCache({ bytesOf: (tokens: number) => tokens, growingBytes: 1 }, 4);
  /** Blocks of 512 tokens, used and left again. */
  const use = (of: PrefixCache, blocks: readonly number[]) => {
    for (const id of blocks) of.use(id, 512);
  };
  const visit = (of: PrefixCache, blocks: readonly number[]) => {
    use(of, blocks);
    of.leave(blocks, blocks.length);
  };
  const LONG = 10_000;

  it("match from a prompt's first block on, up to the first that is not there", () => {
    const prefixes = cache();
    visit(prefixes, [1, 2, 3]);
    expect(prefixes.leading([1, 2, 9, 3], LONG)).toBe(2);
    expect(prefixes.leading([2, 3], LONG)).toBe(2);
    expect(prefixes.leading([9, 1], LONG)).toBe(0);
  });

  it("match as far as the prompt goes, and where blocks are as long", () => {
    const prefixes = cache();
    visit(prefixes, [1, 2]);
    prefixes.use(3, 100);
    expect(prefixes.leading([1, 2, 3], 1024)).toBe(2);
    expect(prefixes.leading([1, 2, 3], 1124)).toBe(3);
    // Of a last block whole pages.
    expect(prefixes.leading([1, 2, 3], 1127)).toBe(3);
    expect(prefixes.leading([1, 2, 3], 1123)).toBe(2);
    expect([prefixes.use(3, 512), prefixes.size, prefixes.usedTokens]).toEqual([false, 3, 100]);
  });

  it("go longest unused first, of a prompt its end first", () => {
    const prefixes = cache();
    visit(prefixes, [1, 2, 3]);
    visit(prefixes, [7, 8]);
    visit(prefixes, [1]);
    prefixes.evict(3 * 512);
    // Block 3 was last used with 2, block 1 just now.
    expect(prefixes.size).toBe(3);
    expect([prefixes.leading([1, 2, 3], LONG), prefixes.leading([7, 8], LONG)]).toEqual([1, 2]);
    prefixes.evict(-1);
    expect([prefixes.size, prefixes.idleBytes]).toEqual([0, 0]);
  });

  it("go page by page, from their end, and what is left of them can be taken", () => {
    const prefixes = cache();
    visit(prefixes, [1, 2]);
    const behind = prefixes.leaveBehind(1024, 12);
    expect(prefixes.idleBytes).toBe(2 * 512 + 12);
    // Block 2 was left before block 1, and both before what stands behind them.
    prefixes.evict(1000);
    expect([prefixes.size, prefixes.idleBytes, prefixes.leading([1, 2], LONG)]).toEqual([2, 1000, 1]);
    expect([prefixes.takePart(2, 511), prefixes.takePart(2, 512), prefixes.takePart(2, 512)]).toEqual([
      0, 476, 0,
    ]);
    expect([prefixes.size, prefixes.idleBytes]).toEqual([1, 524]);
    prefixes.evict(5);
    expect([prefixes.size, prefixes.idleBytes, behind.kept]).toEqual([0, 4, 4]);
    expect([prefixes.takeBack(behind), prefixes.idleBytes]).toEqual([4, 0]);
  });

  it("stay while they are used, and count once", () => {
    const prefixes = cache();
    use(prefixes, [1, 2]);
    use(prefixes, [1]);
    prefixes.evict(0);
    expect([prefixes.size, prefixes.usedTokens, prefixes.idleBytes]).toEqual([2, 1024, 0]);
    prefixes.leave([1, 2], 2);
    expect([prefixes.usedTokens, prefixes.idleBytes]).toEqual([512, 512]);
    expect(prefixes.usedTokensOf([1, 2], 2)).toBe(512);
    prefixes.evict(0);
    expect([prefixes.leading([1, 2], LONG), prefixes.leading([2], LONG)]).toEqual([1, 0]);
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
