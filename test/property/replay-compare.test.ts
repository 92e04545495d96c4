import { expect, test } from "vitest";
import { compareRuns } from "../../src/replay/compare/compare-runs.ts";
import { drawnRun } from "../compared-runs.ts";

const TRIALS = 60;
const REQUESTS = 300;
const DRAWS = 200;

/** How often runs of these means are said to differ in their mean TTFT, and how often they hold the difference. */
function trials(meanA: number, meanB: number): { readonly differ: number; readonly held: number } {
  let [differ, held] = [0, 0];
  for (let trial = 0; trial < TRIALS; trial++) {
    const [a, b] = [drawnRun(2 * trial + 1, REQUESTS, meanA), drawnRun(2 * trial + 2, REQUESTS, meanB)];
    const { difference95, verdict } = compareRuns(a, b, trial, DRAWS).metrics[0];
    const [low, high] = difference95 ?? [1, 0];
    if (verdict !== "no difference") differ++;
    if (low <= meanB - meanA && meanB - meanA <= high) held++;
  }
  return { differ, held };
}

// Latencies follow those before them: intervals that took requests for independent would hold in 6 of 10 trials.
test("intervals hold the true difference about as often as they say, though requests depend on their neighbours", () => {
  const { differ, held } = trials(100, 100);
  expect(held).toBe(TRIALS - differ);
  expect(held / TRIALS).toBeGreaterThan(0.8);
  expect(trials(100, 140)).toMatchObject({ differ: TRIALS });
});
