/** What 95 % of requests, and 95 % of times between tokens, have to keep; milliseconds, as a client sees them. */
export interface ServiceTarget {
  readonly ttftMs: number;
  readonly itlMs: number;
}

/** Where a percentile is asked for, the part beyond it. */
export const BEYOND = 0.05;
