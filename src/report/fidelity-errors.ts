import type { Fidelity } from "../model/fidelity.ts";

/** Relative differences from the exact pass: the median, and the most. */
export interface FidelityError {
  readonly median: number;
  readonly most: number;
}

/** Measured by `npm run bench:twin`: three loads under three ways of balancing, seeds 1 and 2. README shows the same. */
export const FIDELITY_ERRORS: Readonly<
  Record<Exclude<Fidelity, "exact">, Readonly<Record<string, FidelityError>>>
> = {
  sampled: {
    balancedness: { median: 0.028, most: 0.124 },
    "mean step": { median: 0.007, most: 0.109 },
    "TTFT p50": { median: 0.011, most: 0.083 },
    "TTFT p95": { median: 0.009, most: 0.055 },
    "ITL p50": { median: 0.003, most: 0.059 },
    "TPOT p50": { median: 0.006, most: 0.045 },
    "node hops": { median: 0.001, most: 0.009 },
  },
  analytic: {
    balancedness: { median: 0.031, most: 0.075 },
    "mean step": { median: 0.007, most: 0.048 },
    "TTFT p50": { median: 0.024, most: 0.076 },
    "TTFT p95": { median: 0.016, most: 0.097 },
    "ITL p50": { median: 0.003, most: 0.062 },
    "TPOT p50": { median: 0.006, most: 0.031 },
    "node hops": { median: 0.003, most: 0.009 },
  },
};
