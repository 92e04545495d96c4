import { expect, it } from "vitest";
import { partLoads } from "../../src/core/load/part-loads.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";

const EXPERTS = 4;

/** Two layers, two experts per token; the experts change with the token, and one selection of three is missing. */
function traceOf(tokens: number): RoutingTrace {
  const experts = Int16Array.from({ length: tokens * 4 }, (_, i) => (i % 3 === 0 ? -1 : (i >> 11) % EXPERTS));
  return { tokens, layers: 2, topk: 2, experts };
}

const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

it("parts a trace into consecutive loads that add up to the whole", () => {
  const trace = traceOf(3 * 2048 + 100);
  const parts = partLoads(trace, 2, EXPERTS);
  expect(parts).toHaveLength(3);
  const whole = new Float64Array(2 * EXPERTS);
  for (let i = 0; i < trace.experts.length; i++) {
    if (trace.experts[i] >= 0) whole[Math.floor((i % 4) / 2) * EXPERTS + trace.experts[i]]++;
  }
  expect(whole.map((_, i) => parts.reduce((total, { tokens }) => total + tokens[i], 0))).toEqual(whole);
  expect(parts[0].tokens).not.toEqual(parts[1].tokens);
});

it("gives a longer load the trace's layers in turn", () => {
  const [part] = partLoads(traceOf(2 * 2048), 3, EXPERTS);
  expect(part.layers).toBe(3);
  expect(part.tokens.subarray(2 * EXPERTS)).toEqual(part.tokens.subarray(0, EXPERTS));
});

it("makes longer parts rather than more than 64", () => {
  const trace = traceOf(130 * 2048);
  const parts = partLoads(trace, 2, EXPERTS);
  expect(parts).toHaveLength(64);
  expect(parts.reduce((total, { tokens }) => total + sum(tokens), 0)).toBe(
    trace.experts.filter((expert) => expert >= 0).length,
  );
});

it("does not part what is too short", () => {
  expect(partLoads(traceOf(2 * 2048 - 1), 2, EXPERTS)).toEqual([]);
});
