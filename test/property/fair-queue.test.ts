import fc from "fast-check";
import { expect, test } from "vitest";
import { FairQueue } from "../../src/control/solve/fair-queue.ts";

const PLACES = 4;
const client = fc.constantFrom("a", "b", "c", "d", "e", "f");
const step = fc.record({
  who: client,
  what: fc.constantFrom("push", "push", "push", "shift", "remove"),
  cost: fc.nat(9),
});

test("nobody keeps another from a place, places are never more, and who has cost the least goes first", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new FairQueue<{ who: string }>(PLACES);
      /** What waits, in its order. */
      let waiting: { who: string }[] = [];
      let costs = new Map<string, number>();
      const countOf = (who: string) => waiting.filter((one) => one.who === who).length;
      const costOf = (who: string) => costs.get(who) ?? 0;
      for (const { who, what, cost } of steps) {
        if (what === "push") {
          const item = { who };
          const before = countOf(who);
          const out = queue.push(who, item);
          waiting.push(item);
          if (waiting.length <= PLACES) expect(out).toBeNull();
          if (out === null) continue;
          expect(waiting.includes(out)).toBe(true);
          // It goes for want of a fair part: nobody who keeps a place has more than one above the refused.
          const longest = Math.max(...waiting.map((one) => countOf(one.who)));
          if (out === item) expect(longest).toBeLessThanOrEqual(before + 1);
          else expect([countOf(out.who), longest > before + 1]).toEqual([longest, true]);
          waiting = waiting.filter((one) => one !== out);
        } else if (what === "remove") {
          const item = waiting.find((one) => one.who === who) ?? { who };
          queue.remove(who, item);
          waiting = waiting.filter((one) => one !== item);
        } else {
          const item = queue.shift();
          expect(item === null).toBe(waiting.length === 0);
          if (item === null) continue;
          const least = Math.min(...waiting.map((one) => costOf(one.who)));
          expect(costOf(item.who)).toBe(least);
          expect(waiting.find((one) => one.who === item.who)).toBe(item);
          waiting = waiting.filter((one) => one !== item);
          queue.charge(item.who, cost);
          if (waiting.length === 0) costs = new Map();
          else costs.set(item.who, costOf(item.who) + cost);
        }
        for (const one of ["a", "b"])
          expect(queue.othersThan(one)).toBe(waiting.some((other) => other.who !== one));
      }
    }),
    { seed: 4 },
  );
});
