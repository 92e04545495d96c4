import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { AZURE_CONVERSATION_RATE, azureConversation } from "../../src/twin/traffic.ts";

const REQUESTS = 100_000;

function drawn(seed: number, rate: number, count: number): TraceRequest[] {
  return azureConversation(new Rng(seed), rate).take(count).toArray();
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))];
}

/** |actual − stated| as a fraction of what is stated. */
function error(actual: number, stated: number): number {
  return Math.abs(actual - stated) / stated;
}

describe("conversation traffic fitted to the Azure trace", () => {
  const requests = drawn(1, AZURE_CONVERSATION_RATE, REQUESTS);

  it.each([
    ["inputTokens", { mean: 1155, p50: 1020, p99: 4142, max: 14050 }],
    ["outputTokens", { mean: 211, p50: 129, p99: 601, max: 1000 }],
  ] as const)("draws %s of the published mean, median, p99 and maximum", (field, stated) => {
    const values = requests.map((request) => request[field]);
    expect(error(mean(values), stated.mean)).toBeLessThan(0.01);
    expect(error(quantile(values, 0.5), stated.p50)).toBeLessThan(0.02);
    expect(error(quantile(values, 0.99), stated.p99)).toBeLessThan(0.02);
    expect(error(Math.max(...values), stated.max)).toBeLessThan(0.02);
    expect(values.every((value) => Number.isInteger(value) && value >= 1)).toBe(true);
  });

  it("draws gaps of the asked rate and the published coefficient of variation", () => {
    for (const rate of [AZURE_CONVERSATION_RATE, 40]) {
      const arrivals = drawn(2, rate, REQUESTS).map(({ arrivalMs }) => arrivalMs);
      const gaps = arrivals.slice(1).map((arrival, i) => arrival - arrivals[i]);
      const mu = mean(gaps);
      const deviation = Math.sqrt(mean(gaps.map((gap) => (gap - mu) ** 2)));
      expect(arrivals[0]).toBe(0);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
      expect(error(1000 / mu, rate)).toBeLessThan(0.01);
      expect(error(deviation / mu, 1.09)).toBeLessThan(0.01);
    }
  });

  it("gives the same requests for the same seed and others for another", () => {
    expect(drawn(7, 5, 200)).toEqual(drawn(7, 5, 200));
    expect(drawn(7, 5, 200)).not.toEqual(drawn(8, 5, 200));
  });
});
