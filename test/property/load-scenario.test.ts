import fc from "fast-check";
import { expect, test } from "vitest";
import type { LoadStream, RatePoint } from "../../src/model/load-scenario.ts";
import { timeOf } from "../../src/replay/load/arrival-times.ts";
import { timeOnCurve } from "../../src/replay/scenario/rate-curve.ts";
import { scenarioTraffic } from "../../src/replay/scenario/scenario-traffic.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20261201, numRuns: runs(40) };

const rate = fc.oneof(fc.constant(0), fc.double({ min: 0.1, max: 100, noNaN: true }));
const curve = fc
  .array(fc.tuple(fc.double({ min: 1, max: 20_000, noNaN: true }), rate), { minLength: 1, maxLength: 6 })
  .map((steps) => {
    let atMs = 0;
    return steps.map(([gapMs, perSecond], i): RatePoint => {
      atMs += i === 0 ? 0 : gapMs;
      return { atMs, rate: perSecond };
    });
  })
  .filter((points) => points.some((point) => point.rate > 0));

/** Requests by a time: the area under straight lines. */
function countAt(ms: number, points: readonly RatePoint[]): number {
  let count = 0;
  for (const [i, { atMs, rate: from }] of points.entries()) {
    const next = points[i + 1];
    const endMs = Math.min(ms, next?.atMs ?? ms);
    if (endMs <= atMs) break;
    const slope = next === undefined ? 0 : (next.rate - from) / (next.atMs - atMs);
    const span = endMs - atMs;
    count += ((from + (slope * span) / 2) * span) / 1000;
  }
  return count;
}

test("a count is reached when the area under the rate says so; never where that ends below it", () => {
  fc.assert(
    fc.property(curve, fc.double({ min: 0.01, max: 500, noNaN: true }), (points, count) => {
      const ms = timeOnCurve(count, points);
      const last = points[points.length - 1];
      if (ms === null) {
        expect(last.rate).toBe(0);
        expect(countAt(last.atMs, points)).toBeLessThanOrEqual(count * (1 + 1e-9));
      } else expect(countAt(ms, points)).toBeCloseTo(count, 6);
    }),
    SEED,
  );
});

test("a ramp is a curve of two points", () => {
  const ramp = fc
    .tuple(rate, rate, fc.double({ min: 1, max: 1e5, noNaN: true }))
    .filter(([a, b]) => a + b > 0);
  fc.assert(
    fc.property(ramp, fc.double({ min: 0, max: 500, noNaN: true }), ([from, to, rampMs], count) => {
      const points = [
        { atMs: 0, rate: from },
        { atMs: rampMs, rate: to },
      ];
      const [ms, known] = [timeOnCurve(count, points), timeOf(count, { from, to, holdMs: 0, rampMs })];
      if (ms === null || known === null) return;
      expect(ms).toBeCloseTo(known, 3);
    }),
    SEED,
  );
});

const stream = (name: string): fc.Arbitrary<LoadStream> =>
  fc
    .record({
      fromMs: fc.integer({ min: 0, max: 5000 }),
      lastsMs: fc.integer({ min: 1, max: 8000 }),
      arrivals: fc.oneof(
        curve.map((points) => ({ kind: "rate" as const, curve: points, burstiness: 1 })),
        fc.integer({ min: 1, max: 50 }).map((requests) => ({ kind: "burst" as const, requests })),
      ),
      tenant: fc.constantFrom(null, "a", "b"),
    })
    .map(({ fromMs, lastsMs, arrivals, tenant }) => {
      const input = { tokens: 100, spread: 0.5 };
      const output = { tokens: 10, spread: 0 };
      return { name, fromMs, toMs: fromMs + lastsMs, arrivals, input, output, tenant, priority: null };
    });

test("streams come in order of time, each within its own, and the same whatever others there are", () => {
  const both = fc.tuple(stream("one"), stream("two"), fc.nat(), fc.integer({ min: 1, max: 9000 }));
  fc.assert(
    fc.property(both, ([one, two, seed, durationMs]) => {
      const all = [...scenarioTraffic({ streams: [one, two], durationMs }, seed)];
      expect(all.map(({ arrivalMs }) => arrivalMs)).toEqual(
        all.map(({ arrivalMs }) => arrivalMs).toSorted((a, b) => a - b),
      );
      for (const alone of [one, two]) {
        const own = all.filter(({ trafficClass }) => trafficClass === alone.name);
        expect(own).toEqual([...scenarioTraffic({ streams: [alone], durationMs }, seed)]);
        for (const { arrivalMs, tenant } of own) {
          expect(arrivalMs).toBeGreaterThanOrEqual(alone.fromMs);
          expect(arrivalMs).toBeLessThan(Math.min(alone.toMs, durationMs));
          expect(tenant ?? null).toBe(alone.tenant);
        }
        if (alone.arrivals.kind === "burst" && alone.fromMs < durationMs)
          expect(own).toHaveLength(alone.arrivals.requests);
      }
    }),
    SEED,
  );
});
