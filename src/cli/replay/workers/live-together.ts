import type { LiveMeasures } from "../../../replay/measures/live-measures.ts";

/** What several processes show, as one: sums; of latencies the middle and the worst. Null without any. */
export function liveTogether(all: readonly LiveMeasures[]): LiveMeasures | null {
  if (all.length === 0) return null;
  const sum = (of: (live: LiveMeasures) => number): number =>
    all.reduce((total, live) => total + of(live), 0);
  return {
    elapsedMs: Math.max(...all.map(({ elapsedMs }) => elapsedMs)),
    leftMs: all.some(({ leftMs }) => leftMs === null)
      ? null
      : Math.max(...all.map(({ leftMs }) => leftMs ?? 0)),
    sent: sum(({ sent }) => sent),
    inFlight: sum(({ inFlight }) => inFlight),
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
    inputTokensPerSecond: sum(({ inputTokensPerSecond }) => inputTokensPerSecond),
    outputTokensPerSecond: sum(({ outputTokensPerSecond }) => outputTokensPerSecond),
    ttftMs: pairsTogether(all.map(({ ttftMs }) => ttftMs)),
    itlMs: pairsTogether(all.map(({ itlMs }) => itlMs)),
  };
}

function pairsTogether(pairs: readonly LiveMeasures["ttftMs"][]): LiveMeasures["ttftMs"] {
  const known = pairs.filter((pair) => pair !== null);
  if (known.length === 0) return null;
  return {
    p50: known.reduce((total, { p50 }) => total + p50, 0) / known.length,
    p95: Math.max(...known.map(({ p95 }) => p95)),
  };
}
