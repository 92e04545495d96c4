import fc from "fast-check";
import { expect, test } from "vitest";
import { BodyMemory, type HeldBody } from "../../src/http/body-memory.ts";

const BUDGET = 100;
const step = fc.record({
  who: fc.nat(5),
  bytes: fc.nat(60),
  what: fc.constantFrom("grow", "grow", "whole", "release"),
});

test("what is held is never over the budget, and nobody is refused while a larger one arrives", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = new BodyMemory(BUDGET);
      const held = new Map<number, { body: HeldBody; bytes: number; arrives: boolean }>();
      for (const { who, bytes, what } of steps) {
        const refused: number[] = [];
        if (!held.has(who)) {
          const body = memory.begin((error) => {
            expect(error.reason).toBe("overloaded");
            refused.push(who);
          });
          held.set(who, { body, bytes: 0, arrives: true });
        }
        const one = held.get(who);
        if (one === undefined) continue;
        if (what === "whole") {
          one.body.whole();
          one.arrives = false;
        } else if (what === "release") {
          one.body.release();
          held.delete(who);
        } else if (one.arrives) {
          const grown = one.body.grow(bytes);
          for (const [other, state] of held)
            if (other !== who && state.arrives && state.body.bytes === 0 && state.bytes > 0)
              held.delete(other);
          if (grown) one.bytes += bytes;
          else {
            for (const [other, { arrives, bytes: its }] of held)
              if (other !== who && arrives) expect(its).toBeLessThanOrEqual(one.bytes + bytes);
            held.delete(who);
          }
        }
        expect(memory.heldBytes).toBe([...held.values()].reduce((sum, { bytes: its }) => sum + its, 0));
        expect(memory.heldBytes).toBeLessThanOrEqual(BUDGET);
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("a body that was released or refused holds nothing, whatever comes of it", () => {
  const memory = new BodyMemory(BUDGET);
  let refusals = 0;
  const body = memory.begin(() => refusals++);
  expect(body.grow(101)).toBe(false);
  expect(body.grow(1)).toBe(false);
  body.release();
  body.release();
  body.whole();
  expect([refusals, memory.heldBytes]).toEqual([1, 0]);
});
