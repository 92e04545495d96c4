/** What a part of the requests has to keep as a client sees it: the time of its first token, and times between tokens. */
export interface ServiceTarget {
  /** Milliseconds. */
  readonly ttftMs: number;
  readonly itlMs: number;
  /** So many of a hundred first tokens, and times between tokens, are within these: one of `PERCENTILES`. */
  readonly ttftPercentile: number;
  readonly itlPercentile: number;
}

/** The percentiles that targets may be of. */
export const PERCENTILES = [50, 90, 95, 99] as const;

/** What is asked for unless somebody says otherwise. */
export const USUAL_PERCENTILES = { ttftPercentile: 95, itlPercentile: 95 };
