import { normalQuantile } from "../lib/normal.ts";

/** A part of a time; parts follow one another and do not depend on each other. */
export interface TimePart {
  /** `certain`: all have it, more or less normal; `left`: what is left of something that is met; `wait`: exponential. */
  readonly kind: "certain" | "left" | "wait";
  /** That one has it at all. */
  readonly chance: number;
  /** The mean; of what is met and waited out, how long that is in all. */
  readonly seconds: number;
  readonly variance: number;
}

export function certain(seconds: number, variance: number): TimePart {
  return { kind: "certain", chance: 1, seconds, variance };
}

export function leftOf(chance: number, seconds: number): TimePart {
  return { kind: "left", chance, seconds, variance: 0 };
}

/**
 * The wait in front of so many servers alike (Sakasegawa).
 * @param busy   0..1 of each
 * @param work   seconds of one request on one
 * @param spread variance of that over its mean squared
 */
export function waitFor(servers: number, busy: number, work: number, spread: number): TimePart {
  return {
    kind: "wait",
    chance: busy ** (Math.sqrt(2 * (servers + 1)) - 1),
    seconds: ((1 + spread) / 2) * (work / (servers * (1 - busy))),
    variance: 0,
  };
}

/** A percentile, as a part of all: 0.95. */
export interface Percentile {
  readonly part: number;
  /** Standard deviations above the mean of a normal variate. */
  readonly deviations: number;
}

export function percentileOf(percentile: number): Percentile {
  const part = percentile / 100;
  return { part, deviations: normalQuantile(part) };
}

/** A percentile of a sum, in seconds: its means, and what each part alone exceeds its mean by, as of normal variates. */
export function sumAt(parts: readonly TimePart[], percentile: Percentile): number {
  let [mean, squares] = [0, 0];
  for (const part of parts) {
    const own = part.chance * part.seconds * (part.kind === "left" ? 0.5 : 1);
    const excess = excessOf(part, own, percentile);
    mean += own;
    squares += excess * Math.abs(excess);
  }
  return mean + Math.sign(squares) * Math.sqrt(Math.abs(squares));
}

function excessOf(
  { kind, chance, seconds, variance }: TimePart,
  mean: number,
  { part, deviations }: Percentile,
): number {
  if (kind === "certain") return deviations * Math.sqrt(variance);
  const beyond = 1 - part;
  if (chance <= beyond) return -mean;
  return (kind === "left" ? seconds * (1 - beyond / chance) : seconds * Math.log(chance / beyond)) - mean;
}
