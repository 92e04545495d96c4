import { expect, it } from "vitest";
import { SumsByTime } from "../../src/replay/measures/sums-by-time.ts";

/** A token every 20 ms from 560 ms on. */
function tokens(): SumsByTime {
  const sums = new SumsByTime();
  for (let ms = 560; ms < 2700; ms += 20) sums.add(ms, 1);
  return sums;
}

it("counts what came between times that cut seconds", () => {
  expect(tokens().between(500, 2500)).toBe(97);
  expect(tokens().between(0, 10_000)).toBe(107);
  // What cuts a tenth counts in part.
  expect(tokens().between(1050, 1100)).toBe(2.5);
});

it("finds the fullest second, and adds those of others up", () => {
  const sums = new SumsByTime();
  for (const one of [tokens(), tokens()]) sums.merge(one.tenths);
  expect([sums.most(), sums.most(2000), sums.most(9000)]).toEqual([100, 70, 0]);
  expect(sums.between(500, 2500)).toBe(194);
});
