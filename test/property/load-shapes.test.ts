import fc from "fast-check";
import { expect, test } from "vitest";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { arrivalTimes, type RateCourse, timeOf } from "../../src/replay/load/arrival-times.ts";
import { bounded } from "../../src/replay/load/bounds.ts";
import { madeUpRequests } from "../../src/replay/load/made-up-lengths.ts";
import { repeatedTrace } from "../../src/replay/load/repeated-trace.ts";
import { RequestSource } from "../../src/replay/load/request-source.ts";
import { ownPart, partOf } from "../../src/replay/load/share.ts";
import { inWindow } from "../../src/replay/load/trace-window.ts";
import { schedule } from "../../src/replay/schedule.ts";
import { conversations, drawnBounds as bounds, drawnTurns as turns, toAsync } from "../drawn-load.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20261130, numRuns: runs(100) };
const SECOND = 1000;
const STEPS = 4000;

const course = fc
  .record({
    from: fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 100, noNaN: true })),
    to: fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 100, noNaN: true })),
    holdMs: fc.oneof(fc.constant(0), fc.double({ min: 1, max: 1e4, noNaN: true })),
    rampMs: fc.oneof(fc.constant(0), fc.double({ min: 1, max: 1e5, noNaN: true })),
  })
  .filter(({ from, to }) => from + to > 0);

/** Requests that have come by a time, on average: the rate, summed in small steps. */
function summedRate({ from, to, holdMs, rampMs }: RateCourse, untilMs: number): number {
  let sum = 0;
  for (let i = 0; i < STEPS; i++) {
    const ms = ((i + 0.5) * untilMs) / STEPS;
    const part = ms < holdMs ? 0 : rampMs === 0 ? 1 : Math.min(1, (ms - holdMs) / rampMs);
    sum += ((from + part * (to - from)) * untilMs) / STEPS / SECOND;
  }
  return sum;
}

/** What a step that the rate changes within may be off by. */
function stepOf({ from, to }: RateCourse, untilMs: number): number {
  return ((from + to) * untilMs) / STEPS / SECOND;
}

test("a count is reached when the rate, summed up, says so", () => {
  fc.assert(
    fc.property(course, fc.double({ min: 0.01, max: 500, noNaN: true }), (rates, count) => {
      const ms = timeOf(count, rates);
      if (ms === null) expect(rates.to).toBe(0);
      else expect(Math.abs(summedRate(rates, ms) - count)).toBeLessThan(0.01 * count + stepOf(rates, ms));
    }),
    SEED,
  );
});

test("drawn times go up, come at their rate with the spread of their shape, and depend on the seed alone", () => {
  const shape = fc.constantFrom(0.25, 0.5, 1, 4, Number.POSITIVE_INFINITY);
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 50, noNaN: true }), shape, fc.nat(), (rate, burstiness, seed) => {
      const even = { from: rate, to: rate, holdMs: 0, rampMs: 0 };
      const times = (of: number) => [...arrivalTimes(even, burstiness, of).take(1500)];
      const drawn = times(seed);
      const gaps = drawn.map((ms, i) => (ms - (drawn[i - 1] ?? 0)) / SECOND);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
      const mean = gaps.reduce((a, b) => a + b) / gaps.length;
      const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
      const wanted = burstiness === Number.POSITIVE_INFINITY ? 0 : 1 / Math.sqrt(burstiness);
      // Six standard errors of the mean of so many.
      expect(Math.abs(mean * rate - 1)).toBeLessThan((6 * wanted) / Math.sqrt(gaps.length) + 0.001);
      expect(Math.abs(deviation * rate - wanted)).toBeLessThan(0.35 * wanted + 0.03);
      expect(times(seed)).toEqual(drawn);
      if (wanted > 0) expect(times(seed + 1)).not.toEqual(drawn);
    }),
    { ...SEED, numRuns: runs(40) },
  );
});

const arrivals = fc
  .array(fc.nat(1000), { maxLength: 40 })
  .map((times): TraceRequest[] =>
    times.toSorted((a, b) => a - b).map((arrivalMs) => ({ arrivalMs, inputTokens: 1, outputTokens: 1 })),
  );

test("bounds keep the order, warm up first, and count no more and no longer than asked for", async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, bounds, async (trace, limits) => {
      const kept = await Array.fromAsync(bounded(schedule(trace, 1, Number.POSITIVE_INFINITY), limits));
      const warm = kept.filter(({ warmUp }) => warmUp === true);
      const counted = kept.filter(({ warmUp }) => warmUp !== true);
      expect(kept.map(({ index }) => index)).toEqual(kept.map((_, i) => i));
      expect([...warm, ...counted]).toEqual(kept);
      const first = counted.at(0)?.startMs ?? 0;
      const from = limits.warmUp.requests > 0 ? first : limits.warmUp.ms;
      expect(counted.length).toBeLessThanOrEqual(limits.requests);
      for (const { startMs } of counted) {
        expect(startMs).toBeGreaterThanOrEqual(from);
        expect(startMs).toBeLessThan(from + limits.durationMs);
      }
      const next = trace.at(kept.length);
      const isFull = counted.length === limits.requests;
      const isLate = next !== undefined && next.arrivalMs >= from + limits.durationMs;
      expect(next === undefined || isFull || isLate).toBe(true);
      const warmMost =
        limits.warmUp.requests || trace.filter((one) => one.arrivalMs < limits.warmUp.ms).length;
      if (limits.requests > 0) expect(warm.length).toBeLessThanOrEqual(warmMost);
    }),
    SEED,
  );
});

test("shares are a whole together, and hold whole conversations", async () => {
  await fc.assert(
    fc.asyncProperty(turns, fc.integer({ min: 1, max: 5 }), fc.nat(10_000), async (drawn, of, count) => {
      const whole = await Array.fromAsync(schedule(conversations(drawn), 1, Number.POSITIVE_INFINITY));
      const parts = await Promise.all(
        Array.from({ length: of }, (_, worker) => Array.fromAsync(ownPart(toAsync(whole), { worker, of }))),
      );
      expect(parts.flat().toSorted((a, b) => a.index - b.index)).toEqual(whole);
      for (const session of new Set(whole.map(({ request }) => request.session))) {
        if (session === undefined) continue;
        expect(parts.filter((part) => part.some(({ request }) => request.session === session))).toHaveLength(
          1,
        );
      }
      const counts = parts.map((_, worker) => partOf(count, { worker, of }));
      expect(counts.reduce((a, b) => a + b)).toBe(count);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
    SEED,
  );
});

test("sources that skip to one position go on alike, wherever each has stopped", async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, fc.nat(50), fc.nat(50), async (trace, read, to) => {
      const [ahead, behind] = [new RequestSource(toAsync(trace)), new RequestSource(toAsync(trace))];
      for (let i = 0; i < read; i++) await ahead.next();
      const from = Math.max(ahead.position, to);
      await Promise.all([ahead.skipTo(from), behind.skipTo(from)]);
      const next = await behind.next();
      expect(next).toEqual(await ahead.next());
      expect(next?.index).toBe(from < trace.length ? from : undefined);
    }),
    SEED,
  );
});

test("a repeated trace is the trace, then the same with others' conversations and blocks, each for each", async () => {
  const block = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  await fc.assert(
    fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 20 }), async (blocks) => {
      const trace = blocks.map((one, i) => ({
        arrivalMs: i,
        inputTokens: 1,
        outputTokens: 1,
        session: `s${i % 3}`,
        prefixBlocks: [one, blocks[0]],
      }));
      const repeated = repeatedTrace(toAsync(trace), () => toAsync(trace));
      const seen: TraceRequest[] = [];
      for await (const request of repeated) if (seen.push(request) === 3 * trace.length) break;
      expect(seen.slice(0, trace.length)).toEqual(trace);
      const passes = [0, 1, 2].map((pass) => seen.slice(pass * trace.length, (pass + 1) * trace.length));
      const ids = passes.map((pass) => pass.map(({ prefixBlocks = [] }) => prefixBlocks[0]));
      for (const pass of ids) {
        expect(pass.map((id) => pass.indexOf(id))).toEqual(blocks.map((one) => blocks.indexOf(one)));
        expect(pass.every((id) => Number.isSafeInteger(id) && id >= 0)).toBe(true);
      }
      expect(new Set(passes.map((pass) => pass[0].session)).size).toBe(3);
      expect(new Set(ids.map((pass) => pass[0])).size).toBe(3);
    }),
    SEED,
  );
});

test("lengths stay within their spread and fill it; the same seed has the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(),
      async (tokens, spread, seed) => {
        const draw = async () => {
          const drawn: number[] = [];
          for await (const { inputTokens } of madeUpRequests(
            { tokens, spread },
            { tokens: 9, spread: 0 },
            seed,
          ))
            if (drawn.push(inputTokens) === 60) break;
          return drawn;
        };
        const drawn = await draw();
        expect(Math.min(...drawn)).toBeGreaterThanOrEqual(Math.max(1, tokens * (1 - spread) - 1e-9));
        expect(Math.max(...drawn)).toBeLessThanOrEqual(tokens * (1 + spread) + 1e-9);
        if (tokens * spread > 20)
          expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(tokens * spread);
        expect(await draw()).toEqual(drawn);
      },
    ),
    SEED,
  );
});

test("a window has what arrives in it, on its own clock", async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, fc.nat(1000), fc.nat(1000), async (trace, fromMs, length) => {
      const toMs = fromMs + length;
      const cut = await Array.fromAsync(inWindow(toAsync(trace), { fromMs, toMs }));
      const inside = trace.filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < toMs);
      expect(cut.map(({ arrivalMs }) => arrivalMs + fromMs)).toEqual(
        inside.map(({ arrivalMs }) => arrivalMs),
      );
    }),
    SEED,
  );
});
