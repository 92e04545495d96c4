import { expect, it } from "vitest";
import { NearLoadLine } from "../../src/cli/near-load-line.ts";
import { Rng } from "../../src/lib/rng.ts";
import { LONG_PROMPT_TOKENS, longPrompts } from "../../src/twin/traffic.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";

const LEAST_INPUT = 2048;

it("long prompts come at their rate, with their lengths", () => {
  const traffic = longPrompts(new Rng(1), 50);
  const requests = Array.from({ length: 4000 }, () => traffic.next().value);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const tokens = mean(requests.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens));
  expect(Math.abs(tokens / LONG_PROMPT_TOKENS - 1)).toBeLessThan(0.02);
  expect(Math.abs((requests[3999].arrivalMs / 4000) * (50 / 1000) - 1)).toBeLessThan(0.05);
  expect(Math.min(...requests.map(({ inputTokens }) => inputTokens))).toBeGreaterThanOrEqual(LEAST_INPUT);
});

it("what a pool is offered near its load line is bounded, said, and what the lines are of", () => {
  const said: string[] = [];
  const out = { progress: (line: string) => said.push(line), result: () => {}, json: false };
  const pool = { model: SMALL_MODEL, topology: SMALL_TOPOLOGY };
  const near = new NearLoadLine(pool, null, { sharesMs: 20, placementMs: 100 }, 1);
  const begin = near.traffic(out);
  const [first] = begin();
  const [same] = begin();
  expect(same).toEqual(first);
  expect(first.arrivalMs).toBe(0);
  // The small model would take millions of tokens a second: more than one process writes and reads.
  expect(said[0]).toMatch(/^unbalanced, this pool would carry [\d,]+ tokens\/s; it is offered 400,000$/);
  const { offeredTokensPerSecond, policies } = near.measure(out);
  expect(offeredTokensPerSecond).toBe(400_000);
  expect(policies).toHaveLength(3);
});
