import { expect, test } from "vitest";
import {
  gradient,
  LEAST_OCTAVE,
  MOST_OCTAVE,
  SHADES,
  shadeOf,
  shades,
} from "../../src/dashboard/experts/colour-scale.ts";

test("a shade grows with the load, by octave, and stops at both ends", () => {
  expect(shadeOf(0)).toBe(0);
  expect(shadeOf(2 ** LEAST_OCTAVE)).toBe(0);
  expect(shadeOf(2 ** MOST_OCTAVE)).toBe(SHADES - 1);
  expect(shadeOf(1e9)).toBe(SHADES - 1);
  const steps = [1, 2, 4, 8].map((load) => shadeOf(2 * load) - shadeOf(load));
  for (const step of steps) expect(step).toBe((SHADES - 1) / (MOST_OCTAVE - LEAST_OCTAVE));
});

test.each([
  ["light paper: darker with load", false, -1],
  ["dark paper: lighter with load", true, 1],
])("luminance runs one way on %s", (_, dark, direction) => {
  const table = shades(dark);
  const luminances = Array.from({ length: SHADES }, (_row, i) => luminance(table, i));
  for (let i = 8; i < SHADES; i += 8) {
    expect(Math.sign(luminances[i] - luminances[i - 8])).toBe(direction);
  }
});

test("the legend runs from the first shade to the last", () => {
  const table = shades(false);
  const stops = gradient(table).match(/rgb\([^)]+\)/g);
  expect(stops?.at(0)).toBe(`rgb(${table.slice(0, 3).join(" ")})`);
  expect(stops?.at(-1)).toBe(`rgb(${table.slice(-3).join(" ")})`);
});

/** Relative luminance by WCAG 2, 0..1. */
function luminance(table: Uint8ClampedArray, shade: number): number {
  const [red, green, blue] = Array.from(table.subarray(shade * 3, shade * 3 + 3), (value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
