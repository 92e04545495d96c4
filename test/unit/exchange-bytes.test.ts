import { expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { lowLatencyExchangeBytes, normalExchangeBytes } from "../../src/core/cost/exchange-bytes.ts";

const model = await loadModel("deepseek-v3");

it("a low-latency message of DeepSeek-V3 has 7,408 bytes out and 14,336 back", () => {
  expect(lowLatencyExchangeBytes(model, 1)).toEqual({ dispatch: 7408, combine: 14_336 });
  expect(lowLatencyExchangeBytes(model, 128 * 8)).toEqual({
    dispatch: 128 * 8 * 7408,
    combine: 128 * 8 * 14_336,
  });
});

it("the normal kernels send FP8 with its scales, (1 + 4/128) / 2 of the BF16 bytes that come back", () => {
  const { dispatch, combine } = normalExchangeBytes(model, 1000);
  expect(combine).toBe(1000 * 7168 * 2);
  expect(dispatch).toBe((combine * (1 + 4 / 128)) / 2);
});
