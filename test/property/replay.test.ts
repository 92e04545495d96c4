import fc from "fast-check";
import { expect, test } from "vitest";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../../src/model/traffic.ts";
import { Departures } from "../../src/replay/departures.ts";
import { readFrame } from "../../src/replay/answer/frame.ts";
import { promptText } from "../../src/replay/prompt.ts";
import { schedule } from "../../src/replay/schedule.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20231111, numRuns: runs(80) };

const trace = fc
  .array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 50 })
  .map((arrivals): TraceRequest[] =>
    arrivals.toSorted((a, b) => a - b).map((arrivalMs) => ({ arrivalMs, inputTokens: 1, outputTokens: 1 })),
  );

test("a schedule keeps the trace's order and its clock, and drops only what starts too late", async () => {
  await fc.assert(
    fc.asyncProperty(
      trace,
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 2e6, noNaN: true }),
      async (requests, speed, durationMs) => {
        const scheduled = await Array.fromAsync(schedule(requests, speed, durationMs));
        const inTime = requests.filter((request) => request.arrivalMs / speed < durationMs);
        expect(scheduled.map(({ request }) => request)).toEqual(inTime);
        expect(scheduled.map(({ index }) => index)).toEqual(inTime.map((_, i) => i));
        for (const { startMs, request } of scheduled) {
          expect(Math.abs(startMs * speed - request.arrivalMs)).toBeLessThan(1e-6);
        }
      },
    ),
    SEED,
  );
});

test("departures are taken by their times, and those of one time in the order given", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(5), { freq: 4 })), (steps) => {
      const departures = new Departures<{ startMs: number; index: number }>();
      let model: { startMs: number; index: number }[] = [];
      for (const [index, startMs] of steps.entries()) {
        if (startMs === null) {
          expect(departures.next).toEqual(model[0]);
          expect(departures.take()).toEqual(model.shift());
        } else {
          departures.add({ startMs, index });
          model = [...model, { startMs, index }].toSorted((a, b) => a.startMs - b.startMs);
        }
      }
    }),
    SEED,
  );
});

test("a prompt has the asked number of words, and two prompts agree just as far as their blocks do", () => {
  const blocks = fc.array(fc.nat(5), { maxLength: 4 });
  fc.assert(
    fc.property(fc.nat(2500), blocks, blocks, fc.nat(), (inputTokens, left, right, seed) => {
      const [a, b] = [left, right].map((prefixBlocks, index) =>
        promptText({ arrivalMs: 0, inputTokens, outputTokens: 1, prefixBlocks }, index, seed).split(" "),
      );
      expect(a).toHaveLength(Math.max(1, inputTokens));
      expect(b).toHaveLength(Math.max(1, inputTokens));
      const differs = left.findIndex((block, i) => block !== right[i]);
      const shared = (differs < 0 ? left.length : differs) * PREFIX_BLOCK_TOKENS;
      expect(a.slice(0, shared)).toEqual(b.slice(0, shared));
      // 64 words of 256 agree by chance once in 256⁶⁴.
      if (a.length >= shared + 64) expect(a.slice(shared)).not.toEqual(b.slice(shared));
    }),
    SEED,
  );
});

test("no frame, however odd, stops the reader", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (data) => {
      const keys = [
        "done",
        "ended",
        "error",
        "finishReason",
        "finishText",
        "id",
        "kind",
        "lastChoice",
        "text",
        "tokenIds",
        "usage",
      ];
      expect(Object.keys(readFrame(data)).toSorted()).toEqual(keys);
    }),
    SEED,
  );
});
