import { Rng } from "../src/lib/rng.ts";
import { type RunValues, runValues } from "../src/replay/compare/run-values.ts";
import type { RequestFigures } from "../src/replay/report/request-figures.ts";

/** A completed request of five tokens. */
export function requestFigures(changes: Partial<RequestFigures> = {}): RequestFigures {
  return {
    index: 0,
    requestId: "plimsoll-1-0",
    beganAt: 0,
    scheduledMs: 0,
    sentMs: 0,
    headersMs: 10,
    endedMs: 100,
    status: 200,
    error: null,
    errorText: null,
    inputTokens: 100,
    cachedTokens: null,
    askedTokens: 5,
    outputTokens: 5,
    reasoningTokens: null,
    ttftMs: 50,
    e2eMs: 90,
    sentTtftMs: 50,
    sentE2eMs: 90,
    itlMs: [10, 10, 10, 10],
    session: null,
    turn: null,
    warmUp: false,
    stepLoad: null,
    ...changes,
  };
}

/** How much of a request's latency goes on in the next. */
const CARRIED = 0.7;

/** Requests, ten a second, whose latencies follow those of the ones before, around a mean. */
export function drawnRun(seed: number, count: number, meanMs = 100): RunValues {
  const rng = new Rng(seed);
  let carried = 0;
  const requests = Array.from({ length: count }, (_, index) => {
    carried = CARRIED * carried + rng.normal() * Math.sqrt(1 - CARRIED ** 2);
    const ttftMs = meanMs * (1 + 0.3 * carried);
    const sentMs = index * 100;
    const e2eMs = ttftMs + 40;
    const failed = rng.uniform() < 0.1;
    return requestFigures({
      index,
      sentMs,
      endedMs: sentMs + e2eMs,
      ttftMs,
      e2eMs,
      error: failed ? "http_500" : null,
    });
  });
  return runValues(requests, count / 10, { ttftMs: 120, tpotMs: null, e2eMs: null });
}
