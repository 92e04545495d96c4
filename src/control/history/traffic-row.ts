import { type LogHistogram, sumOfBoth } from "../../lib/log-histogram.ts";
import type { Row } from "./falling-rows.ts";

/** Gateways report what they measured of so long, at the same times by the clock on the wall. */
export const SLOT_S = 10;

export const TRAFFIC_SUMS = [
  /** Measured of it, ms: the most of any gateway. */
  "spanMs",
  /** Requests that ended, and those of them that failed or were refused. */
  "ended",
  "failed",
] as const;

/** Times in ms from a request's arrival to its first content frame, and between content frames. */
export const LATENCIES = ["ttft", "itl"] as const;

/** What all gateways have measured of a pool's requests in a span of time. */
export interface TrafficRow
  extends Row,
    Readonly<Record<(typeof TRAFFIC_SUMS)[number], number>>,
    Readonly<Record<(typeof LATENCIES)[number], LogHistogram>> {}

export type TrafficFigures = Omit<TrafficRow, keyof Row>;

export function trafficRowsTogether(a: TrafficFigures, b: TrafficFigures): TrafficFigures {
  return { ...besides(a, b), spanMs: a.spanMs + b.spanMs };
}

/** Of two gateways at the same time. */
export function gatewaysTogether(a: TrafficFigures, b: TrafficFigures): TrafficFigures {
  return { ...besides(a, b), spanMs: Math.max(a.spanMs, b.spanMs) };
}

function besides(a: TrafficFigures, b: TrafficFigures): Omit<TrafficFigures, "spanMs"> {
  return {
    ended: a.ended + b.ended,
    failed: a.failed + b.failed,
    ttft: sumOfBoth(a.ttft, b.ttft),
    itl: sumOfBoth(a.itl, b.itl),
  };
}
