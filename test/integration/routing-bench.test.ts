import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Case, casesOf } from "../../loadtest/bench/routing/cases.ts";
import { runCase } from "../../loadtest/bench/routing/case-run.ts";
import {
  type EngineRequest,
  type EngineSettings,
  ModelEngine,
} from "../../loadtest/bench/routing/model-engine.ts";
import { oracleChoice } from "../../loadtest/bench/routing/oracle.ts";
import { tokenized } from "../../loadtest/bench/routing/prompt-blocks.ts";
import { VirtualGateway } from "../../loadtest/bench/routing/virtual-gateway.ts";
import { oracle, virtualRun } from "../../loadtest/bench/routing/virtual-run.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

const SETTINGS: EngineSettings = {
  blockTokens: 10,
  cacheTokens: 1000,
  prefillMsPerToken: 1,
  stepMs: 5,
  decodeMs: 0,
  stepTokens: 100,
  maxRunning: 8,
};

/** Prompts of one beginning have the same blocks as far as they go. */
function prompt(id: number, beginning: number, inputTokens: number, outputTokens = 1): EngineRequest {
  const blocks = Array.from({ length: Math.floor(inputTokens / 10) }, (_, i) => beginning * 1000 + i);
  return { id, blocks, inputTokens, outputTokens };
}

/** Runs until nothing is left. @returns when each had its first token */
function firstTokens(engine: ModelEngine): Map<number, number> {
  const times = new Map<number, number>();
  while (engine.stepEndsMs < Number.POSITIVE_INFINITY) {
    const { atMs, first } = engine.endStep();
    for (const id of first) times.set(id, atMs);
  }
  return times;
}

describe("a model engine", () => {
  it("prefills in chunks, beside what decodes, and not what its cache has", () => {
    const engine = new ModelEngine(SETTINGS);
    engine.submit(prompt(1, 1, 250, 3), 0);
    // Three steps of 100, 100 and 50 tokens.
    expect(firstTokens(engine)).toEqual(new Map([[1, 265]]));
    engine.submit(prompt(2, 1, 255), 1000);
    expect(firstTokens(engine)).toEqual(new Map([[2, 1010]]));
    expect(engine.served).toEqual({ requests: 2, inputTokens: 505, cachedTokens: 250 });
    // The last token is computed in any case.
    expect(engine.cachedTokens(prompt(3, 1, 250))).toBe(240);
  });

  it("lets wait what its cache has no room for, and drops what was used longest ago", () => {
    const engine = new ModelEngine(SETTINGS);
    engine.submit(prompt(1, 1, 590, 10), 0);
    engine.submit(prompt(2, 2, 490, 10), 0);
    expect(engine.load.waiting).toBe(1);
    const times = firstTokens(engine);
    // 590 tokens in six steps, nine steps more, then 490 in five.
    expect(times).toEqual(
      new Map([
        [1, 620],
        [2, 620 + 45 + 515],
      ]),
    );
    expect(engine.cachedTokens(prompt(3, 2, 495))).toBe(490);
    // Of the first, the last blocks went.
    expect(engine.cachedTokens(prompt(3, 1, 595))).toBeLessThan(510);
    expect(engine.cachedTokens(prompt(3, 1, 595))).toBeGreaterThan(400);
  });

  it("says when a request would have its first token: then it has it, where none comes after", () => {
    const one = fc.record({
      beginning: fc.nat(3),
      tokens: fc.integer({ min: 1, max: 300 }),
      output: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 6 }), fc.nat(400), (all, laterMs) => {
        const engine = new ModelEngine({ ...SETTINGS, cacheTokens: 100_000 });
        for (const [id, { beginning, tokens, output }] of all.entries())
          engine.submit(prompt(id, beginning, tokens, output), 0);
        while (engine.stepEndsMs <= laterMs) engine.endStep();
        const last = prompt(99, all[0].beginning, 333);
        const said = engine.firstTokenMs(last, laterMs);
        engine.submit(last, laterMs);
        expect(said).toBe(firstTokens(engine).get(99));
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it("reads prompts that begin alike as blocks that are alike, until they part", () => {
    const words = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => `w${from + i}`).join(" ");
    const a = tokenized([{ content: words(0, 25) }, { content: words(50, 20) }], 10);
    const b = tokenized([{ content: words(0, 25) }, { content: words(90, 20) }], 10);
    expect(a.inputTokens).toBe(45);
    expect(a.blocks.length).toBe(4);
    expect(a.blocks.slice(0, 2)).toEqual(b.blocks.slice(0, 2));
    expect(a.blocks[2]).not.toBe(b.blocks[2]);
  });
});

describe("the oracle", () => {
  it("goes where the first token comes soonest: to the cache, unless that is too busy or gone", () => {
    const engines = [new ModelEngine(SETTINGS), new ModelEngine(SETTINGS)];
    engines[1].submit(prompt(1, 1, 300), 0);
    firstTokens(engines[1]);
    const asked = prompt(2, 1, 305);
    expect(oracleChoice(engines, [1, 1], asked, 1000)).toBe(1);
    expect(oracleChoice(engines, [1, 0], asked, 1000)).toBe(0);
    engines[1].submit(prompt(3, 2, 900), 1000);
    expect(oracleChoice(engines, [1, 1], asked, 1000)).toBe(0);
  });
});

describe("the gateway's routing", () => {
  const cases = casesOf({ seed: 11, part: 0.25, trace: null });

  it.each(cases.map((one) => [one.name, one] as const))("is near the oracle: %s", (_, one: Case) => {
    const best = virtualRun(one, oracle);
    const own = virtualRun(one, new VirtualGateway("expert-aware", one.engines.length, 1));
    const blind = virtualRun(one, new VirtualGateway("least-load", one.engines.length, 1));
    expect(own.failed).toBe(0);
    expect(own.meanMs).toBeLessThan(1.25 * best.meanMs);
    expect(own.meanMs).toBeLessThan(0.7 * blind.meanMs);
  });
});

it("a case by the clock is what it is in virtual time", async () => {
  const [one] = casesOf({ seed: 1, part: 1 / 60, trace: null });
  await using folder = await scratchFolder();
  const { figures, failure } = await runCase(one, null, folder.path("router"));
  expect(failure).toBeNull();
  // What was sent before those that count may begin after.
  expect(figures.requests).toBeGreaterThanOrEqual(one.requests.length - one.firstCounted);
  expect(figures.requests).toBeLessThanOrEqual(one.requests.length);
  // The same choices, but for what the clock's own delays change.
  expect(Math.abs(figures.cached - virtualRun(one, oracle).cached)).toBeLessThan(0.2);
});
