import { expect, test } from "vitest";
import {
  measuredText,
  predictedText,
  progressText,
  spanText,
  worthText,
} from "../../src/dashboard/decisions/decision-text.ts";
import { decision } from "./pool-state-fixture.ts";

const figures = { spanMs: 60_000, tokensPerSecond: 5, nodeHops: null };

test("a decision is told with what was predicted, what was measured, and what its moves had to be worth", () => {
  const whole = decision({
    weighed: {
      before: { balancedness: 0.5, nodeHops: 1 },
      after: { balancedness: 0.75, nodeHops: 1 },
      movedSlots: 3,
      movedBytes: 30,
      gain: 0.123,
      neededGain: 0.02,
    },
    before: { ...figures, balancedness: 0.512 },
    after: { ...figures, spanMs: 30_400, balancedness: 0.741 },
  });
  expect(predictedText(whole)).toBe("0.500 → 0.750");
  expect(measuredText(whole)).toBe("0.512 → 0.741");
  expect(spanText(whole)).toBe("over 60 s before and 30 s after");
  expect(worthText(whole)).toBe("12.3 % of 2.0 % needed");
});

test("what is not known is not told", () => {
  const bare = decision({});
  expect([predictedText(bare), measuredText(bare), worthText(bare)]).toEqual([null, null, null]);
  expect(spanText(bare)).toBe("over nothing before and nothing after");
});

test("stages are folded into how far it has come", () => {
  expect(progressText(decision({ state: "under way", stages: { done: 3, of: 29 } }))).toBe("stage 3 of 29");
  expect(progressText(decision({ state: "under way", stages: null }))).toBe("under way");
  expect(progressText(decision({ state: "given up", why: "rank 1 is lost" }))).toBe(
    "given up: rank 1 is lost",
  );
  expect(progressText(decision({ kind: "shares", times: 12 }))).toBe("12 times");
  expect(progressText(decision({}))).toBe("");
});
