import fc from "fast-check";
import { expect, test } from "vitest";
import { Timeline } from "../../src/twin/run/timeline.ts";

interface Planned {
  readonly atMs: number;
  readonly calledOff: boolean;
  /** Put there by the event before, so long after it. */
  readonly afterMs: number | null;
}

const planned = fc.array(
  fc.record({
    atMs: fc.integer({ min: 0, max: 5 }),
    calledOff: fc.boolean(),
    afterMs: fc.option(fc.integer({ min: -2, max: 3 })),
  }),
  { maxLength: 40 },
);

test("events happen by time, and at one time in the order in which they were put there; none twice", () => {
  fc.assert(
    fc.property(planned, (events: readonly Planned[]) => {
      const timeline = new Timeline();
      const put: { readonly atMs: number; readonly serial: number }[] = [];
      const happened: { readonly atMs: number; readonly serial: number }[] = [];
      const add = (atMs: number, then: () => void = () => {}) => {
        const event = { atMs: Math.max(atMs, timeline.now()), serial: put.length };
        put.push(event);
        return timeline.at(atMs, () => {
          expect(timeline.now()).toBe(event.atMs);
          happened.push(event);
          then();
        });
      };
      const off = new Set<number>();
      for (const { atMs, calledOff, afterMs } of events) {
        const serial = put.length;
        const callOff = add(atMs, () => {
          if (afterMs !== null) add(timeline.now() + afterMs);
        });
        if (!calledOff) continue;
        callOff();
        off.add(serial);
      }
      for (let next = timeline.nextMs; timeline.next(); next = timeline.nextMs)
        expect(timeline.now()).toBe(next);
      const expected = put.filter(({ serial }) => !off.has(serial));
      expect(happened).toEqual(expected.toSorted((a, b) => a.atMs - b.atMs || a.serial - b.serial));
      expect(timeline.nextMs).toBe(Number.POSITIVE_INFINITY);
    }),
    { seed: 17 },
  );
});
