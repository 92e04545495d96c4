import { describe, expect, test } from "vitest";
import { IN_ENGINE } from "../../src/core/cost/hardware.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { attentionBalanceRows } from "../../src/twin/calibration/published/attention-balance.ts";
import { arithmeticRows } from "../../src/twin/calibration/published/deployment-arithmetic.ts";
import type { PublishedRow } from "../../src/twin/calibration/published/published-row.ts";
import { STEP_TOKENS, fittedEngine } from "../../src/twin/calibration/published/wide-ep-engine.ts";
import { wideEpRows } from "../../src/twin/calibration/published/wide-ep.ts";

const MODEL = await loadModel("deepseek-v3");
const WIDE = new Map(wideEpRows(MODEL).map((row) => [row.id, row]));

function wide(id: string): PublishedRow {
  const row = WIDE.get(id);
  if (row === undefined) throw new Error(`no row ${id}`);
  return row;
}

describe("arithmetic comes to what was published", () => {
  test.each(arithmeticRows().map((row) => [row.id, row] as const))("%s", (_, { published, predicted }) => {
    // To the digits that are stated; the nodes follow from rates of three digits.
    expect(Math.abs(predicted / published - 1)).toBeLessThan(0.0015);
  });

  test("to the cent, and to the hundredth of a millisecond", () => {
    const of = (id: string) => arithmeticRows().find((row) => row.id === id)?.predicted ?? 0;
    expect(of("day-cost")).toBe(87_072);
    expect(of("bound-ib").toFixed(2)).toBe("14.76");
    expect(of("bound-nvl72").toFixed(2)).toBe("0.82");
    expect(Math.floor(of("day-margin"))).toBe(545);
  });
});

test("the third of TensorRT-LLM's attention-DP rates follows from the two others", () => {
  const counted = attentionBalanceRows().filter(({ fitted }) => !fitted);
  expect(counted.map(({ id }) => id)).toEqual(["adp-87.7"]);
  expect(counted[0].predicted / counted[0].published).toBeCloseTo(1, 2);
});

describe("balance and overlap on 96 H100 have the right size", () => {
  test("what constants were fitted to is met, and says so", () => {
    const fitted = [...WIDE.values()].filter((row) => row.fitted);
    expect(fitted.map(({ id }) => id)).toEqual([
      "prefill-perfect",
      "prefill-1k",
      "decode",
      "overlap-decode-32",
    ]);
    for (const { published, predicted } of fitted) expect(predicted / published).toBeCloseTo(1, 6);
  });

  test.each([
    ["prefill-2k", 0.03],
    ["prefill-4k", 0.05],
    ["perfect-gain", 0.3],
    ["eplb-prefill", 0.17],
    ["eplb-decode", 0.05],
    ["decode-itl", 0.1],
    ["decode-mtp", 0.16],
  ])("%s within %d", (id, part) => {
    const { published, predicted } = wide(id);
    expect(Math.abs(predicted / published - 1)).toBeLessThan(part);
  });

  test("two micro-batches win with large batches", () => {
    expect(wide("overlap-prefill").predicted).toBeGreaterThan(27);
    expect(wide("overlap-prefill").predicted).toBeLessThan(35);
    expect(Math.abs(wide("overlap-decode-256").predicted - 25.5)).toBeLessThan(5);
  });

  test("a simulated H800 has what was fitted", () => {
    const { prompts, answers } = fittedEngine(MODEL);
    expect(IN_ENGINE.experts).toBeCloseTo(prompts.experts, 2);
    expect(IN_ENGINE.lowLatency).toBeCloseTo(answers.exchange, 2);
    expect(1e6 * IN_ENGINE.launch).toBeCloseTo(1e6 * answers.launch, 0);
    expect(1e6 * IN_ENGINE.promptToken).toBeCloseTo((1e6 * prompts.added) / (STEP_TOKENS / 2), 2);
  });

  test("EPLB wins more in decode than in prefill", () => {
    expect(wide("eplb-decode").predicted).toBeGreaterThan(wide("eplb-prefill").predicted);
  });
});
