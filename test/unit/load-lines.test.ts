import { expect, it } from "vitest";
import { loadLineTable } from "../../src/cli/load-line-table.ts";
import { Rng } from "../../src/lib/rng.ts";
import { carriedUnbalanced, loadLines } from "../../src/twin/load-lines.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";

/** Rounds are small and traffic is of short prompts: the small model forwards millions of tokens a second. */
const options = {
  model: SMALL_MODEL,
  topology: SMALL_TOPOLOGY,
  routing: () => new SyntheticRouting(SMALL_MODEL, 1),
  traffic: (tokensPerSecond: number) => prompts(new Rng(1, 5), tokensPerSecond / 6002),
  cadence: { sharesMs: 10, placementMs: 40 },
  fidelity: "analytic",
  seed: 1,
} as const;

function* prompts(rng: Rng, rate: number) {
  for (let arrivalMs = 0; ; arrivalMs += rng.exponential(1000 / rate)) {
    yield { arrivalMs, inputTokens: 6000, outputTokens: 2 };
  }
}

function result<T>(steps: Generator<number, T>): T {
  for (let last = 0; ; ) {
    const next = steps.next();
    if (next.done === true) return next.value;
    expect(next.value).toBeGreaterThanOrEqual(last);
    expect(next.value).toBeLessThanOrEqual(1);
    last = next.value;
  }
}

it("every way of balancing is measured beyond its load line and at what is offered", () => {
  const carried = result(carriedUnbalanced(options, 5e7, { fromMs: 40, toMs: 80 }));
  expect(carried).toBeGreaterThan(1e5);
  const lines = result(loadLines(options, carried / 2));
  expect(lines.policies.map(({ name }) => name)).toEqual(["none", "eplb", "plimsoll"]);
  for (const { mostTokensPerSecond, offered } of lines.policies) {
    expect(mostTokensPerSecond ?? 0).toBeGreaterThan(0.9 * carried);
    // What is offered is carried, where it is half of that.
    expect((offered.tokensPerSecond ?? 0) / (carried / 2)).toBeGreaterThan(0.7);
    expect((offered.tokensPerSecond ?? 0) / (carried / 2)).toBeLessThan(1.4);
    expect(offered.ttftMs?.p50).toBeGreaterThan(0);
  }
  const [none, , plimsoll] = lines.policies;
  expect(plimsoll.offered.balancedness ?? 0).toBeGreaterThan(none.offered.balancedness ?? 1);
  const table = loadLineTable(lines, true);
  expect(table.split("\n").every((line) => line.length <= 100)).toBe(true);
  expect(table).toContain("At most, tokens/s");
});
