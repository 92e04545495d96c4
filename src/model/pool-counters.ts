/** How often values fell between bounds. */
export interface Histogram {
  /** Inclusive upper bounds, ascending; values beyond the last have a bucket of their own. */
  readonly bounds: readonly number[];
  /** Of each bucket alone: one more than bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export const OUTCOMES = ["ok", "client_error", "refused", "failed", "cancelled"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What a pool's gateway had counted at one moment. */
export interface Counters {
  readonly atMs: number;
  /** Requests that ended, by outcome. */
  readonly ended: Readonly<Record<Outcome, number>>;
  /** Null where the gateway does not publish it, or has none yet. Times in seconds. */
  readonly ttft: Histogram | null;
  readonly itl: Histogram | null;
  readonly e2e: Histogram | null;
  readonly prompt: Histogram | null;
  readonly answer: Histogram | null;
  /** Prompts that engines counted the tokens of, and those that are estimated. */
  readonly reported: number;
  readonly estimated: number;
  /** Tokens of prompts of which engines say whether they were in a cache. */
  readonly cached: number;
  readonly uncached: number;
}
