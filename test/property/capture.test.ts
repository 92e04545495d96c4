import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packed, unpacked } from "../../src/capture/packed-requests.ts";
import { sortedLines } from "../../src/capture/sorted-lines.ts";
import { UsageSearch } from "../../src/serving/traffic/usage-search.ts";
import type { CapturedRequest } from "../../src/serving/capture/captured-request.ts";
import { RoutedSample } from "../../src/serving/capture/routed-sample.ts";
import { REQUEST_OUTCOMES } from "../../src/serving/traffic/traffic-observer.ts";
import { runs } from "../runs.ts";

const RUNS = { seed: 7, numRuns: runs(30) };

/** Cuts into parts at these places, in any order. */
function partsOf(length: number, cuts: readonly number[]): readonly (readonly [from: number, to: number])[] {
  const places = [0, ...cuts.map((cut) => cut % (length + 1)).toSorted((a, b) => a - b), length];
  return places.slice(1).map((to, i) => [places[i], to]);
}

const ms = fc.double({ min: 0, max: 1e9, noNaN: true });
const counted = fc.record({ tokens: fc.nat(1 << 20), estimated: fc.boolean() });
const request: fc.Arbitrary<CapturedRequest> = fc.record({
  arrivalMs: ms,
  firstFrameMs: fc.option(ms),
  durationMs: ms,
  outcome: fc.constantFrom(...REQUEST_OUTCOMES),
  route: fc.string(),
  model: fc.string(),
  tenant: fc.option(fc.string()),
  session: fc.option(fc.string()),
  priority: fc.integer({ min: -100, max: 100 }),
  inputTokens: counted,
  outputTokens: counted,
  cachedTokens: fc.option(fc.nat()),
  maxTokens: fc.option(fc.nat()),
  prefix: fc.uint32Array({ maxLength: 8 }),
  routed: fc.option(fc.constant({ tokens: 1, layers: 1, topk: 1, experts: Int16Array.of(3) })),
  body: fc.option(fc.uint8Array({ maxLength: 8 })),
});

describe("captured requests", () => {
  it("are the same when they were packed for another thread", () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 6 }), (requests) => {
        expect(unpacked(structuredClone(packed(requests)))).toEqual(requests);
      }),
      RUNS,
    );
  });

  it("have the engine's counts, however the answer is cut", () => {
    const count = fc.nat(1_000_000);
    const cuts = fc.array(fc.nat(), { maxLength: 6 });
    fc.assert(
      fc.property(count, count, fc.string({ maxLength: 300 }), cuts, (input, output, text, places) => {
        const usage = { prompt_tokens: input, completion_tokens: output };
        const answer = Buffer.from(JSON.stringify({ choices: [{ text }], usage }));
        const search = new UsageSearch();
        for (const [from, to] of partsOf(answer.length, places)) search.take(answer.subarray(from, to));
        expect(search.found()).toEqual({ prompt: input, answer: output, cached: null });
      }),
      RUNS,
    );
  });

  it("keep evenly spread tokens with their experts, however these come", () => {
    const cuts = fc.array(fc.nat(), { maxLength: 6 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 200 }),
        cuts,
        (most, tokens, places) => {
          const sample = new RoutedSample(most);
          for (const [from, to] of partsOf(tokens, places)) {
            const experts = Int16Array.from({ length: to - from }, (_, i) => from + i);
            sample.add({ tokens: to - from, layers: 1, topk: 1, experts });
          }
          const kept = [...(sample.trace?.experts ?? [])];
          const stride = kept.length > 1 ? kept[1] : tokens;
          expect(kept).toEqual(Array.from({ length: Math.ceil(tokens / stride) }, (_, i) => i * stride));
          expect(kept.length).toBeLessThanOrEqual(most);
          expect(kept.length).toBeGreaterThanOrEqual(Math.min(tokens, Math.ceil(most / 2)));
        },
      ),
      RUNS,
    );
  });

  it("are the whole lines of a file in order of time, wherever it ends", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 12 }), fc.nat(), (times, cut) => {
        const header = '{"format":"plimsoll.trace/1"}\n';
        const lines = times.map((time, i) => `{"timestamp_ms":${time},"input_length":${i}}\n`);
        const file = Buffer.from(header + lines.join(""));
        const end = header.length + (cut % (file.length - header.length + 1));
        const [first, ...sorted] = sortedLines(file.subarray(0, end), {}).toString().split("\n");
        let at = header.length;
        const whole = lines.filter((line) => (at += line.length) <= end);
        const byTime = whole
          .map((line, i) => ({ line, time: times[i] }))
          .toSorted((a, b) => a.time - b.time)
          .map(({ line }) => line);
        expect(sorted.join("\n")).toBe(byTime.join(""));
        expect(JSON.parse(first)).toMatchObject({ order: "arrival", requests: whole.length });
      }),
      RUNS,
    );
  });
});
