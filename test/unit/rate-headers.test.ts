import { expect, test } from "vitest";
import { durationText, rateHeaders } from "../../src/http/rate-headers.ts";
import { Rates } from "../../src/serving/admission/rates.ts";

const NONE = { maxInFlight: 0, requestsPerSecond: 0, requestBurst: 0, tokensPerMinute: 0, tokenBurst: 0 };

test.each([
  [0, "0ms"],
  [19.2, "20ms"],
  [999, "999ms"],
  [999.5, "1s"],
  [1500, "1.5s"],
  [8640, "8.64s"],
  [59_999, "59.999s"],
  [60_000, "1m0s"],
  [360_000, "6m0s"],
  [3_599_999, "1h0m0s"],
  [3_600_000, "1h0m0s"],
  [90_061_000, "25h1m1s"],
])("%d ms are %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test("what is used up is said, a debt as nothing that remains, and what has no limit not at all", () => {
  const rates = new Rates({ ...NONE, requestsPerSecond: 2, tokensPerMinute: 600 }, 0);
  rates.admit(100, 0);
  const told = (nowMs: number) => {
    const headers = rateHeaders(rates.standing(nowMs));
    return headers.filter((_, i) => i % 2 === 1).join(" ");
  };
  expect(told(0)).toBe("2 1 500ms 600 500 10s");
  expect(told(250)).toBe("2 1 250ms 600 502 9.75s");
  expect(told(60_000)).toBe("2 2 0ms 600 600 0ms");
  rates.take(3, 900, 60_000);
  expect(told(60_000)).toBe("2 0 1.5s 600 0 1m30s");
  expect(rateHeaders(new Rates(NONE, 0).standing(0))).toEqual([]);
});
