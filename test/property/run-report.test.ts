import fc from "fast-check";
import { expect, test } from "vitest";
import { JoinedSteps } from "../../src/report/joined-steps.ts";
import { linearAxis, logAxis, roundEnd } from "../../src/report/html/axis.ts";
import { linePath } from "../../src/report/html/thin-line.ts";
import { timeAxis } from "../../src/report/html/time-axis.ts";
import type { StepSpan } from "../../src/twin/run/run-log.ts";

const spans = fc
  .array(fc.record({ gap: fc.nat(5), ms: fc.integer({ min: 1, max: 9 }), tokens: fc.nat(99) }), {
    maxLength: 200,
  })
  .map((parts) => {
    let startMs = 0;
    return parts.map(({ gap, ms, tokens }): StepSpan => {
      startMs += gap;
      const span = { pool: "pool", startMs, ms, prefillTokens: tokens, decoding: 1 };
      startMs += ms;
      return span;
    });
  });

test("joined steps are few, in order, and sum up to what was added", () => {
  fc.assert(
    fc.property(spans, fc.constantFrom(2, 4, 10), (added, most) => {
      const joined = new JoinedSteps(most);
      for (const span of added) joined.add(span);
      const { spans: kept, stepsPerSpan } = joined;
      expect(kept.length).toBeLessThanOrEqual(most);
      if (added.length < most) expect(kept.length).toBe(added.length);
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      expect(sum(kept.map(({ steps }) => steps))).toBe(added.length);
      expect(sum(kept.map(({ prefillTokens }) => prefillTokens))).toBe(
        sum(added.map(({ prefillTokens }) => prefillTokens)),
      );
      expect(sum(kept.map(({ decoding }) => decoding))).toBe(added.length);
      expect(sum(kept.map(({ busyMs }) => busyMs))).toBe(sum(added.map(({ ms }) => ms)));
      expect(kept[0]?.startMs).toBe(added[0]?.startMs);
      const last = added.at(-1);
      expect(kept.at(-1)?.endMs).toBe(last && last.startMs + last.ms);
      for (const [i, { startMs, endMs, steps }] of kept.entries()) {
        expect(endMs - startMs).toBeGreaterThan(0);
        if (i > 0) expect(startMs).toBeGreaterThanOrEqual(kept[i - 1].endMs);
        if (i < kept.length - 1) expect(steps).toBe(stepsPerSpan);
      }
    }),
    { seed: 71 },
  );
});

/** The y of every place that a path goes to. */
function places(path: string): { x: number; y: number }[] {
  return [...path.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
}

test("a thinned line keeps its peaks and is no longer than its width allows", () => {
  const heights = fc.array(fc.option(fc.integer({ min: -1000, max: 1000 }), { freq: 9 }), { maxLength: 400 });
  fc.assert(
    fc.property(heights, fc.integer({ min: 1, max: 50 }), (ys, width) => {
      const path = linePath(ys.map((y, i) => ({ x: (i * width) / ys.length, y })));
      const known = ys.filter((y) => y !== null);
      const drawn = places(path).map(({ y }) => y);
      const gaps = ys.filter((y) => y === null).length;
      expect(drawn.length).toBeLessThanOrEqual(Math.min(known.length, 4 * (width + gaps)));
      expect(drawn.length > 0).toBe(known.length > 0);
      expect(Math.max(...drawn)).toBe(Math.max(...known));
      expect(Math.min(...drawn)).toBe(Math.min(...known));
      // A new part of the line behind every gap, and nowhere else.
      const parts = ys.filter((y, i) => y !== null && (i === 0 || ys[i - 1] === null)).length;
      expect(path.split("M").length - 1).toBe(parts);
    }),
    { seed: 72 },
  );
});

test("ticks lie on their axis, in order, few, with different labels", () => {
  const most = fc.double({ min: 1e-2, max: 1e7, noNaN: true });
  const label = (value: number, step = value) => `${value.toPrecision(6)} ${step > 0}`;
  fc.assert(
    fc.property(most, fc.double({ min: 1.5, max: 1e5, noNaN: true }), (high, ratio) => {
      const axes = [
        linearAxis(roundEnd(high, 5), 5, label),
        logAxis(high / ratio, high, label),
        timeAxis(high).axis,
      ];
      for (const [kind, { ticks, at }] of axes.entries()) {
        expect(ticks.length).toBeLessThanOrEqual(kind === 1 ? 12 : 9);
        if (kind !== 1) expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(new Set(ticks.map((tick) => tick.label)).size).toBe(ticks.length);
        for (const [i, { place }] of ticks.entries()) {
          expect(place).toBeGreaterThanOrEqual(-1e-6);
          expect(place).toBeLessThanOrEqual(1 + 1e-6);
          if (i > 0) expect(place).toBeGreaterThan(ticks[i - 1].place);
        }
        expect(at(high)).toBeLessThanOrEqual(1 + 1e-9);
      }
    }),
    { seed: 73 },
  );
});
