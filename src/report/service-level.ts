import type { RequestTimes } from "./request-line.ts";

/** What a request has to keep to count as good. */
export interface ServiceLevel {
  readonly ttftMs: number;
  readonly tpotMs: number;
}

/** Requests that were completed within the level. */
export interface Goodput {
  readonly requests: number;
  /** Of all that arrived. */
  readonly share: number | null;
  /** Per second in which requests arrived. */
  readonly requestsPerSecond: number | null;
}

/** A request of one output token has no time between tokens to keep. */
export function keeps(level: ServiceLevel, { ttftMs, tpotMs, e2eMs }: RequestTimes): boolean {
  return ttftMs !== null && e2eMs !== null && ttftMs <= level.ttftMs && (tpotMs ?? 0) <= level.tpotMs;
}
