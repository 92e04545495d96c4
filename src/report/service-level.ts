import type { RequestTimes } from "./request-line.ts";

/** What a request has to keep to count as good; null: anything. */
export interface ServiceLevel {
  readonly ttftMs: number | null;
  readonly tpotMs: number | null;
  readonly e2eMs: number | null;
}

/** Requests that were completed within the level. */
export interface Goodput {
  readonly requests: number;
  /** Of all that arrived. */
  readonly share: number | null;
  /** Per second in which requests arrived. */
  readonly requestsPerSecond: number | null;
}

export function keeps(level: ServiceLevel, { ttftMs, tpotMs, e2eMs }: RequestTimes): boolean {
  if (ttftMs === null || e2eMs === null) return false;
  return within(ttftMs, level.ttftMs) && within(tpotMs ?? 0, level.tpotMs) && within(e2eMs, level.e2eMs);
}

function within(ms: number, limitMs: number | null): boolean {
  return limitMs === null || ms <= limitMs;
}
