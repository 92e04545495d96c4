import type { Measured } from "../../planner/right-sizing/measured.ts";
import { type ServiceTarget, USUAL_PERCENTILES } from "../../planner/service-target.ts";
import { twoOf } from "../../planner/what-if/traffic.ts";

/** Where nothing is streamed. */
const USUAL_TTFT_MS = 1000;
const USUAL_ITL_MS = 50;

/** The traffic that all is said of. */
export function measuredPart(measured: Measured): object {
  const { seconds, rate, promptMean, answerMean, cachedPart, ttftMs, itlMs } = measured;
  return {
    seconds,
    requestsPerSecond: rate,
    promptTokens: promptMean,
    answerTokens: answerMean,
    cachedPart,
    tokensPerSecond: rate * ((1 - (cachedPart ?? 0)) * promptMean + answerMean),
    ttftMs: twoOf(ttftMs),
    itlMs: twoOf(itlMs),
  };
}

/** What is kept now: the clock is found at these percentiles, and a run is warm after such times. */
export function targetNow({ ttftMs, itlMs }: Measured): ServiceTarget {
  return { ttftMs: ttftMs?.p95 ?? USUAL_TTFT_MS, itlMs: itlMs?.p95 ?? USUAL_ITL_MS, ...USUAL_PERCENTILES };
}
