/**
 * The colours of a load relative to uniform: by octave, over a fixed range, so that a colour means the same
 * load at any time. Lightness runs one way from end to end, interpolated in OKLab
 * (Björn Ottosson, https://bottosson.github.io/posts/oklab/).
 */
export const LEAST_OCTAVE = -1;
export const MOST_OCTAVE = 4;
export const SHADES = 256;

/** `[lightness 0..1, chroma, hue in degrees]` at even distances. */
type Stops = readonly (readonly [number, number, number])[];

const ON_LIGHT: Stops = [
  [0.975, 0.008, 90],
  [0.88, 0.06, 80],
  [0.72, 0.13, 55],
  [0.54, 0.16, 32],
  [0.32, 0.1, 20],
];
const ON_DARK: Stops = [
  [0.23, 0.025, 250],
  [0.36, 0.075, 340],
  [0.53, 0.15, 30],
  [0.73, 0.14, 62],
  [0.95, 0.06, 95],
];

/** From less to more than something, and alike in the middle: blue to orange, which all eyes tell apart. */
const AROUND_LIGHT: Stops = [
  [0.42, 0.12, 250],
  [0.7, 0.08, 245],
  [0.97, 0.006, 90],
  [0.74, 0.12, 60],
  [0.5, 0.15, 40],
];
const AROUND_DARK: Stops = [
  [0.8, 0.1, 235],
  [0.5, 0.09, 245],
  [0.25, 0.015, 250],
  [0.55, 0.12, 50],
  [0.82, 0.14, 70],
];

/** The shade of a load: 0 for the least, at most SHADES − 1. */
export function shadeOf(load: number): number {
  const position = (Math.log2(load) - LEAST_OCTAVE) / (MOST_OCTAVE - LEAST_OCTAVE);
  return Math.round(Math.min(1, Math.max(0, position)) * (SHADES - 1));
}

/** `[SHADES][3]`: red, green and blue, 0..255. */
export function shades(dark: boolean): Uint8ClampedArray {
  return tableOf(dark ? ON_DARK : ON_LIGHT);
}

/** The same, with the middle for what is alike. */
export function between(dark: boolean): Uint8ClampedArray {
  return tableOf(dark ? AROUND_DARK : AROUND_LIGHT);
}

function tableOf(given: Stops): Uint8ClampedArray {
  const stops = given.map(([lightness, chroma, hue]) => {
    const angle = (hue * Math.PI) / 180;
    return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)] as const;
  });
  const table = new Uint8ClampedArray(SHADES * 3);
  for (let shade = 0; shade < SHADES; shade++) {
    const at = (shade / (SHADES - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(at), stops.length - 2);
    const [l, a, b] = stops[below].map((from, i) => from + (stops[below + 1][i] - from) * (at - below));
    table.set(srgb(l, a, b), shade * 3);
  }
  return table;
}

/** A CSS gradient through the whole scale. */
export function gradient(table: Uint8ClampedArray): string {
  const colours = [];
  for (let i = 0; i <= 16; i++) {
    const at = Math.round((i / 16) * (SHADES - 1)) * 3;
    colours.push(`rgb(${table.slice(at, at + 3).join(" ")})`);
  }
  return `linear-gradient(to right, ${colours.join(", ")})`;
}

function srgb(lightness: number, a: number, b: number): [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function gamma(linear: number): number {
  return 255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);
}
