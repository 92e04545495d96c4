import { expect, test } from "vitest";
import { H800 } from "../../src/core/cost/hardware.ts";
import { readingPart } from "../../src/core/cost/reading-part.ts";
import { StepTokens } from "../../src/core/load/step-tokens.ts";
import { SMALL_MODEL, modelLike } from "../../harness/small-model.ts";

/** Of DeepSeek-V3's routed experts what counts here. */
const MODEL = modelLike(SMALL_MODEL, { name: "wide", experts: 256, topk: 8 });
const EP32 = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };

test("steps of few tokens read weights and hardly compute, those of many the other way round", () => {
  const parts = [32, 512, 4096, 65_536].map((tokens) => readingPart(MODEL, EP32, H800, tokens));
  expect(parts[0]).toBeGreaterThan(0.98);
  expect(parts).toEqual(parts.toSorted((a, b) => b - a));
  expect(parts[3]).toBe(0);
  // The same tokens a GPU, whatever the pool.
  expect(readingPart(MODEL, { ...EP32, nodes: 8 }, H800, 1024)).toBeCloseTo(parts[1]);
});

test("tokens of a step are those of late, where steps are counted", () => {
  const steps = new StepTokens(1000);
  expect(steps.mean).toBeNull();
  for (const none of [0, Number.NaN]) steps.observe(500, none, 1000);
  expect(steps.mean).toBeNull();
  steps.observe(1000, 10, 1000);
  expect(steps.mean).toBe(100);
  steps.observe(500, Number.NaN, 1000);
  // An interval later the first counts half.
  steps.observe(4000, 10, 1000);
  expect(steps.mean).toBe(300);
});
