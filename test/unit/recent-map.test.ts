import { expect, test } from "vitest";
import { RecentMap } from "../../src/lib/recent-map.ts";

test("holds what was set lately, never more than it may, and gives up what it forgets once", () => {
  const dropped: number[] = [];
  const map = new RecentMap<number, number>(
    100,
    () => 1,
    (value) => dropped.push(value),
  );
  for (let n = 0; n < 300; n++) {
    map.set(n, n);
    // One that is used again and again is never forgotten.
    map.set(-1, -1);
    const newest = Array.from({ length: Math.min(n, 48) }, (_, back) => map.get(n - back));
    expect(newest).toEqual(newest.map((_, back) => n - back));
    expect([...map.values()].length).toBeLessThanOrEqual(100);
  }
  expect(map.get(-1)).toBe(-1);
  expect(map.get(0)).toBeUndefined();
  const held = [...map.values()];
  expect([...dropped, ...held].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 301 }, (_, i) => i - 1),
  );
});

test("weighs what it holds", () => {
  const map = new RecentMap<string, string>(100, (text) => text.length);
  map.set("small", "x".repeat(10));
  map.set("large", "x".repeat(60));
  expect(map.get("small")).toBeDefined();
  map.set("next", "x".repeat(50));
  expect(map.get("small")).toBeUndefined();
  expect(map.get("next")).toBeDefined();
});
