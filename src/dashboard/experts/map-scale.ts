import { short } from "../format.ts";
import type { Shading } from "../grid/shading.ts";
import { LEAST_OCTAVE, MOST_OCTAVE, SHADES, between, gradient, shadeOf, shades } from "./colour-scale.ts";

/** How a heat map's values become colours, and what its legend says. */
export interface MapScale extends Shading {
  /** Of the legend: what values are, and in which unit. */
  readonly title: string;
  /** A CSS background; null where kinds are told apart instead. */
  readonly colours: string | null;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

/** Octaves from end to end: of tokens as of parts of an even expert, so that both look alike. */
const OCTAVES = MOST_OCTAVE - LEAST_OCTAVE;

/** Parts of an even expert, and of replicas their number. */
export function relativeScale(dark: boolean, what: "load" | "replicas"): MapScale {
  const table = shades(dark);
  const sign = what === "load" ? "×" : "";
  return {
    table,
    shadeOf,
    title: what === "load" ? "relative to uniform" : "replicas",
    colours: gradient(table),
    ticks: octaveTicks((octave) => {
      const power = octave + LEAST_OCTAVE;
      return `${power < 0 ? `1/${2 ** -power}` : 2 ** power}${sign}`;
    }),
  };
}

/** Tokens per second. @param top what is darkest, or more @param even tokens per second of an even expert */
export function tokenScale(dark: boolean, top: number, even: number): MapScale {
  const table = shades(dark);
  const unit = top / 2 ** MOST_OCTAVE;
  return {
    table,
    shadeOf: (value) => shadeOf((value * even) / unit),
    title: "tokens/s",
    colours: gradient(table),
    ticks: octaveTicks((octave) => thousands(top / 2 ** (OCTAVES - octave))),
  };
}

/** What is above a forecast, and below. */
export function differenceScale(dark: boolean): MapScale {
  const table = between(dark);
  const most = SHADES - 1;
  return {
    table,
    shadeOf: (value) => Math.round((Math.min(1, Math.max(-1, value)) * 0.5 + 0.5) * most),
    title: "load less forecast, in even parts",
    colours: gradient(table),
    ticks: [
      { at: 0, label: "≤\u2009−1" },
      { at: 0.5, label: "0" },
      { at: 1, label: "≥\u2009+1" },
    ],
  };
}

function thousands(value: number): string {
  return value >= 1000 ? `${short(value / 1000)}k` : short(value);
}

function octaveTicks(label: (octave: number) => string): MapScale["ticks"] {
  return Array.from({ length: OCTAVES + 1 }, (_, i) => ({
    at: i / OCTAVES,
    label: `${i === 0 ? "≤\u2009" : i === OCTAVES ? "≥\u2009" : ""}${label(i)}`,
  }));
}

/** 1, 2 or 5 times a power of ten: at least as much. */
function roundAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((digit) => digit * power).find((top) => top >= value) ?? 10 * power;
}

/** Below this part of it, a scale's end is too far up. */
const TOO_FAR = 1 / 4;

/**
 * Where a scale of tokens per second ends: it stays where it is, so that a colour means the same from one second to the
 * next, until there is more, or far less.
 * @param before null for none
 */
export function scaleTop(before: number | null, most: number): number {
  if (!(most > 0)) return before ?? 1;
  return before !== null && most <= before && most >= before * TOO_FAR ? before : roundAbove(most);
}
