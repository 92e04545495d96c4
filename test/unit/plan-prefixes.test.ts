import { expect, test } from "vitest";
import { planProblem } from "../../harness/small-plan-problem.ts";
import { cachedParts } from "../../src/planner/cached-parts.ts";
import { candidates } from "../../src/planner/candidates.ts";
import { drawRequests, drawnDemand, foundPart, leastPrompt, tracedDemand } from "../../src/planner/demand.ts";
import { freshPrompts } from "../../src/planner/fresh-prompts.ts";
import { openCapacity } from "../../src/planner/open-capacity.ts";

/** Three blocks of 512 tokens, of which two are the same in every other request, and some text behind. */
const PAIRS = Array.from({ length: 400 }, (_, i) => ({
  arrivalMs: 100 * i,
  inputTokens: 1636,
  outputTokens: 8,
  prefixBlocks: i % 2 === 0 ? [1, 2, 1000 + i] : [2000 + i],
}));

test("of a trace, prompts find what was there before: less, the fewer of the requests a rank gets", () => {
  const parts = cachedParts(PAIRS);
  // 199 of 400 requests find two blocks.
  expect(parts[0].found).toBeCloseTo((199 * 1024) / (400 * 1636), 6);
  expect(parts[0].percentiles[10]).toBe(1636 - 1024);
  expect(parts[0].percentiles[90]).toBe(1636);
  for (let i = 1; i < parts.length; i++) expect(parts[i].found).toBeLessThan(parts[i - 1].found);
  // Of every 512th, a request hardly finds one before it.
  expect(parts[parts.length - 1].found).toBeLessThan(0.1);
  expect(cachedParts(PAIRS.map(({ prefixBlocks: _blocks, ...request }) => request))).toEqual([]);

  const demand = tracedDemand(PAIRS);
  expect(foundPart(demand)).toBe(parts[0].found);
  const [whole, third] = [10, 10 / 3].map((rate) => freshPrompts(demand, rate).mean);
  expect(whole).toBeCloseTo(1636 * (1 - parts[0].found), 3);
  expect(third).toBeGreaterThan(whole);
  expect(third).toBeLessThan(1636);
});

test("drawn prompts begin alike as far as is asked, in whole blocks that leave some to compute", () => {
  const drawn = drawRequests(drawnDemand(50, 4000, 20, { found: 0.6 }), 50, 60, 1);
  let [found, all] = [0, 0];
  for (const { inputTokens, prefixBlocks = [] } of drawn) {
    expect(prefixBlocks).toEqual(Array.from(prefixBlocks, (_, i) => i));
    expect(512 * prefixBlocks.length).toBeLessThan(inputTokens);
    found += 512 * prefixBlocks.length;
    all += inputTokens;
  }
  expect(drawn.length).toBeGreaterThan(2500);
  expect(Math.abs(found / all - 0.6)).toBeLessThan(0.01);
  expect(leastPrompt(0)).toBe(1);
  // The shortest of 2560 tokens has 1280, of which 768 are found and 512 are left.
  expect(leastPrompt(0.6)).toBe(2560);
});

test("what is found need not be computed: every layout carries more", async () => {
  const problem = await planProblem("mixtral-8x7b", "h100");
  const target = { ...problem.target, ttftMs: 1500, itlMs: 60 };
  const carries = (found: number) => {
    const asked = { ...problem, target, demand: drawnDemand(1, 4096, 64, { found }) };
    return candidates(asked).map((layout) => openCapacity(layout, asked));
  };
  const [none, half] = [carries(0), carries(0.5)];
  expect(none.filter((rate) => rate > 0).length).toBeGreaterThan(20);
  none.forEach((rate, i) => {
    if (rate > 0) expect(half[i]).toBeGreaterThan(1.1 * rate);
  });
});
