import { normalQuantile } from "../lib/normal.ts";

/** A part of a time; parts follow one another and do not depend on each other. */
export interface TimePart {
  /** `certain`: all have it, more or less normal; `left`: what is left of something that is met; `wait`: exponential. */
  readonly kind: "certain" | "left" | "wait";
  /** That one has it at all. */
  readonly chance: number;
  /** The mean; of what is met and waited out, how long that is in all. */
  readonly seconds: number;
  /** Of what all have: seconds above the mean at the percentile by one cause, and the variance by others, which are normal. */
  readonly above: number;
  readonly variance: number;
}

/** A time that every request has. */
export function certain(seconds: number, above: number, variance: number): TimePart {
  return { kind: "certain", chance: 1, seconds, above, variance };
}

/** What is left of a time that has begun, for the part of requests that come into it. */
export function leftOf(chance: number, seconds: number): TimePart {
  return { kind: "left", chance, seconds, above: 0, variance: 0 };
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
    above: 0,
    variance: 0,
  };
}

/** A percentile, as a part of all: 0.95. */
export interface Percentile {
  readonly part: number;
  /** Standard deviations above the mean of a normal variate. */
  readonly deviations: number;
}

/** @param percentile above 0, below 100 */
export function percentileOf(percentile: number): Percentile {
  const part = percentile / 100;
  return { part, deviations: normalQuantile(part) };
}

/** A percentile of a sum, in seconds: its means, and what each part alone exceeds its mean by, as of normal variates. */
export function sumAt(parts: readonly TimePart[], percentile: Percentile): number {
  let [mean, squares] = [0, 0];
  for (const part of parts) {
    const own = part.chance * part.seconds * (part.kind === "left" ? 0.5 : 1);
    mean += own;
    squares += signedSquare(excessOf(part, own, percentile));
  }
  return mean + signedRoot(squares);
}

function signedSquare(value: number): number {
  return value * Math.abs(value);
}

function signedRoot(square: number): number {
  return Math.sign(square) * Math.sqrt(Math.abs(square));
}

function excessOf(
  { kind, chance, seconds, above, variance }: TimePart,
  mean: number,
  { part, deviations }: Percentile,
): number {
  if (kind === "certain")
    return signedRoot(signedSquare(above) + signedSquare(deviations * Math.sqrt(variance)));
  const beyond = 1 - part;
  if (chance <= beyond) return -mean;
  return (kind === "left" ? seconds * (1 - beyond / chance) : seconds * Math.log(chance / beyond)) - mean;
}
