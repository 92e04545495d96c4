import { describe, expect, it } from "vitest";
import { UNITS, armOfUnit, periodAt, unitOf } from "../../src/routing/locality/arms.ts";

const KEYS = Array.from({ length: 20_000 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1) >>> 0);

describe("sessions", () => {
  it("keep their arm, and more percent moves nobody back", () => {
    for (const key of KEYS.slice(0, 500)) {
      const unit = unitOf(key, 7);
      expect(unitOf(key, 7)).toBe(unit);
      if (armOfUnit(unit, 20) === "locality") expect(armOfUnit(unit, 35)).toBe("locality");
      expect(armOfUnit(unit, 0)).toBe("control");
      expect(armOfUnit(unit, 100)).toBe("locality");
    }
  });

  it.each([5, 25, 50])("come to %d percent", (percent) => {
    const there = KEYS.filter((key) => armOfUnit(unitOf(key, 1), percent) === "locality").length;
    expect(there / KEYS.length).toBeCloseTo(percent / 100, 1.5);
    expect(new Set(KEYS.map((key) => unitOf(key, 1))).size).toBe(UNITS);
  });
});

describe("periods", () => {
  it("come in pairs, one of each arm, in an order that is drawn", () => {
    const arms = Array.from({ length: 200 }, (_, i) => periodAt(i * 60_000 + 59_000, 60_000, 3));
    expect(arms.map(({ number }) => number)).toEqual(arms.map((_, i) => i));
    let first = 0;
    for (let pair = 0; pair < 100; pair++) {
      expect(new Set([arms[2 * pair].arm, arms[2 * pair + 1].arm]).size).toBe(2);
      if (arms[2 * pair].arm === "locality") first++;
    }
    expect(first).toBeGreaterThan(30);
    expect(first).toBeLessThan(70);
  });

  it("count after their first quarter", () => {
    expect(periodAt(14_000, 60_000, 1).counts).toBe(false);
    expect(periodAt(16_000, 60_000, 1).counts).toBe(true);
    expect(periodAt(74_000, 60_000, 1).counts).toBe(false);
  });
});
