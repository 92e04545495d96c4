import type { Fidelity } from "../model/fidelity.ts";

/** Relative differences from the exact pass: the median, and the most. */
export interface FidelityError {
  readonly median: number;
  readonly most: number;
}

/** Measured by `npm run bench:twin`: two loads under three ways of balancing, seed 1. README shows the same. */
export const FIDELITY_ERRORS: Readonly<
  Record<Exclude<Fidelity, "exact">, Readonly<Record<string, FidelityError>>>
> = {
  sampled: {
    balancedness: { median: 0.006, most: 0.039 },
    "mean step": { median: 0.003, most: 0.023 },
    "TTFT p50": { median: 0.019, most: 0.027 },
    "TTFT p95": { median: 0.008, most: 0.033 },
    "TPOT p50": { median: 0.001, most: 0.057 },
    "node hops": { median: 0.001, most: 0.003 },
  },
  analytic: {
    balancedness: { median: 0.012, most: 0.035 },
    "mean step": { median: 0.008, most: 0.012 },
    "TTFT p50": { median: 0.017, most: 0.063 },
    "TTFT p95": { median: 0.016, most: 0.038 },
    "TPOT p50": { median: 0.006, most: 0.048 },
    "node hops": { median: 0.007, most: 0.008 },
  },
};
