import { expect, test } from "vitest";
import { Sampler } from "../../src/telemetry/tracing/sampler.ts";
import { readTraceParent } from "../../src/serving/tracing/traceparent.ts";
import { newSpanId, newTraceId, unrecordedSpan } from "../../src/telemetry/tracing/trace-ids.ts";

const parent = (traceId: string, sampled: boolean) => ({ traceId, spanId: "b7ad6b7169203331", sampled });
const HIGH = `${"0".repeat(19)}${"f".repeat(13)}`;
const LOW = `${"f".repeat(19)}${"0".repeat(12)}1`;

test("a client's decision holds, whatever the ratio", () => {
  for (const ratio of [0, 1]) {
    const sampler = new Sampler({ ratio, byParent: true });
    expect([sampler.takes(parent(LOW, true)), sampler.takes(parent(HIGH, false))]).toEqual([true, false]);
    expect(sampler.takes(null)).toBe(ratio === 1);
  }
});

test("without that, a trace's id decides: all who have the ratio take the same ones", () => {
  const half = new Sampler({ ratio: 0.5, byParent: false });
  expect([true, false].map((sampled) => half.takes(parent(HIGH, sampled)))).toEqual([true, true]);
  expect([true, false].map((sampled) => half.takes(parent(LOW, sampled)))).toEqual([false, false]);
  expect(new Sampler({ ratio: 1, byParent: false }).takes(parent(LOW, false))).toBe(true);
  expect(new Sampler({ ratio: 0, byParent: false }).takes(parent(HIGH, true))).toBe(false);
});

test("of traces that begin here, and of random ids, about the ratio is taken", () => {
  const sampler = new Sampler({ ratio: 0.25, byParent: false });
  let begun = 0;
  let continued = 0;
  for (let i = 0; i < 4000; i++) {
    begun += Number(sampler.takes(null));
    continued += Number(sampler.takes(parent(newTraceId(), false)));
  }
  // Six standard deviations.
  for (const taken of [begun, continued]) expect(Math.abs(taken - 1000)).toBeLessThan(165);
});

test("ids are of their form, and differ", () => {
  const traces = Array.from({ length: 1000 }, newTraceId);
  const spans = Array.from({ length: 1000 }, newSpanId);
  expect(traces.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
  expect(spans.every((id) => /^[0-9a-f]{16}$/.test(id))).toBe(true);
  expect(new Set([...traces, ...spans]).size).toBe(2000);
});

test("what engines get of requests that nobody records is a context by itself, each another", () => {
  const contexts = Array.from({ length: 1000 }, () => readTraceParent(unrecordedSpan()));
  expect(contexts.filter((context) => context?.sampled !== false)).toEqual([]);
  const ids = contexts.flatMap((context) => [context?.traceId, context?.spanId]);
  expect(new Set(ids).size).toBe(2000);
  // Each place has every digit: none is left from the one before.
  for (let at = 0; at < 31; at++)
    expect([at, new Set(contexts.map((context) => context?.traceId[at])).size]).toEqual([at, 16]);
});
