/** When a request that has no first byte yet is sent again. Times in milliseconds. */
export interface RetrySettings {
  /** How often a request is sent at most, the first time included. */
  readonly maxAttempts: number;
  /** Retries may be this part of the recent requests … */
  readonly ratio: number;
  /** … and this many a second beside. */
  readonly minPerSecond: number;
  /** What is recent. */
  readonly windowMs: number;
  /** The longest pause before the first retry; it doubles with each. The pause is drawn from 0 to that. */
  readonly baseMs: number;
  readonly maxMs: number;
}
