import type { Rng } from "./rng.ts";

/**
 * A gamma deviate of the given shape, > 0, and scale 1: its mean is the shape (Marsaglia and Tsang, "A simple method for
 * generating gamma variables", 2000; below shape 1 by one of a shape more).
 */
export function gamma(rng: Rng, shape: number): number {
  if (shape < 1) return gamma(rng, shape + 1) * (1 - rng.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = rng.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A Weibull deviate of the given shape, > 0, and scale 1. */
export function weibull(rng: Rng, shape: number): number {
  return (-Math.log(1 - rng.uniform())) ** (1 / shape);
}
