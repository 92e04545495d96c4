import { describe, expect, it } from "vitest";
import { ChangeDetector } from "../../src/core/load/change-detector.ts";
import { Rng } from "../../src/lib/rng.ts";

function alarms(values: number, next: () => number): number {
  const detector = new ChangeDetector();
  let count = 0;
  for (let i = 0; i < values; i++) if (detector.push(next())) count++;
  return count;
}

describe("a steady series", () => {
  const STATED = 1 / 930;
  const VALUES = 200_000;

  it("of normal values raises false alarms at the stated rate", () => {
    const rng = new Rng(1);
    const rate = alarms(VALUES, () => 7 + 0.3 * rng.normal()) / VALUES;
    expect(rate).toBeGreaterThan(0.5 * STATED);
    expect(rate).toBeLessThan(2 * STATED);
  });

  it("may wander: what a value inherits from the last is no news", () => {
    const rng = new Rng(2);
    let value = 0;
    const rate = alarms(VALUES, () => (value = 0.8 * value + rng.normal())) / VALUES;
    expect(rate).toBeLessThan(3 * STATED);
  });

  it("of equal values raises none", () => {
    expect(alarms(1000, () => 3)).toBe(0);
  });
});

describe("a change", () => {
  /** 200 steady values, then ones that are higher by `rise` deviations; how many it takes to find out. */
  function delay(seed: number, rise: number): number {
    const rng = new Rng(seed);
    const detector = new ChangeDetector();
    for (let i = 0; i < 200; i++) detector.push(rng.normal());
    for (let i = 1; i <= 50; i++) if (detector.push(rise + rng.normal())) return i;
    return Number.POSITIVE_INFINITY;
  }

  const seeds = Array.from({ length: 20 }, (_, i) => i);

  it("upwards by three deviations is found within ten values", () => {
    expect(Math.max(...seeds.map((seed) => delay(seed, 3)))).toBeLessThanOrEqual(10);
  });

  it("downwards is none", () => {
    expect(seeds.filter((seed) => delay(seed, -3) <= 10)).toEqual([]);
  });

  it("is not what one value says, however far off", () => {
    const rng = new Rng(3);
    const detector = new ChangeDetector();
    for (let i = 0; i < 200; i++) detector.push(rng.normal());
    expect(detector.push(1e6)).toBe(false);
  });

  it("is told once", () => {
    const rng = new Rng(4);
    const detector = new ChangeDetector();
    const found: number[] = [];
    for (let i = 0; i < 400; i++) if (detector.push((i < 200 ? 0 : 4) + rng.normal())) found.push(i);
    expect(found.filter((i) => i >= 300)).toEqual([]);
    expect(found.filter((i) => i >= 200)).not.toEqual([]);
  });
});
