/** Hears of every measure as it is taken; the telemetry implements it. Times in milliseconds. */
export interface TrafficObserver {
  firstFrame(pool: string, sinceArrivalMs: number): void;
  laterFrame(pool: string, sincePreviousMs: number): void;
  ended(pool: string, durationMs: number, failed: boolean): void;
  /** A request that had no first byte was sent once more. */
  resent(pool: string): void;
  /** By one of the reasons that clients are given. */
  refused(pool: string, reason: string): void;
}
