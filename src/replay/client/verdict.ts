import { type ClientWatch, STALL_MS } from "./watch.ts";
import type { Distribution, DistributionSummary } from "../measures/distribution.ts";

/** How late the client may be at the 99th percentile: later, its own lateness is a visible part of what it measures. */
export const LATE_MS = 10;
/** The part of the sends that may be later. */
const MAY_BE_LATE = 0.01;
/** A 99th percentile of fewer looks says nothing: a start takes a few slow turns of the event loop. */
const ENOUGH = 100;

/** Whether a run's times are the server's. */
export interface ClientVerdict {
  readonly valid: boolean;
  /** One clause each; empty where it is valid. */
  readonly why: readonly string[];
  /** Sends behind their time, but for waits for one of the requests in flight. */
  readonly sendLatenessMs: DistributionSummary | null;
  /** The event loop, looked at 50 times a second while streams were open. */
  readonly loopLatenessMs: DistributionSummary | null;
  readonly stalls: number;
  readonly longestStallMs: number;
  /** Requests that waited because as many were in flight as may be, and the longest wait. */
  readonly held: number;
  readonly longestHeldMs: number;
  /** Requests whose times are the client's fault in part. */
  readonly lateRequests: number;
}

interface Observed {
  readonly sends: Distribution;
  /** Sends later than LATE_MS. */
  readonly lateSends: number;
  readonly watch: ClientWatch;
  readonly held: number;
  readonly longestHeldMs: number;
  readonly maxInFlight: number;
  readonly lateRequests: number;
}

export function clientVerdict(observed: Observed): ClientVerdict {
  const { sends, lateSends, watch, held, longestHeldMs, maxInFlight, lateRequests } = observed;
  const why: string[] = [];
  const loopP99 = watch.lateness.count < ENOUGH ? 0 : (watch.lateness.percentile(99) ?? 0);
  if (watch.stalls > 0)
    why.push(
      `it stood still ${times(watch.stalls)} for up to ${ms(watch.longestStallMs)} while streams were open`,
    );
  if (loopP99 > LATE_MS) why.push(`its event loop was ${ms(loopP99)} late at p99 (bound: ${LATE_MS} ms)`);
  const latest = sends.summary()?.max ?? 0;
  // One may be late for any reason; of few, a second is no chance.
  if (lateSends > Math.max(1, MAY_BE_LATE * sends.count) || latest >= STALL_MS)
    why.push(
      `${lateSends} of ${sends.count} requests were sent more than ${LATE_MS} ms late, by up to ${ms(latest)}`,
    );
  if (held > 0)
    why.push(
      `${held} requests waited up to ${ms(longestHeldMs)} because ${maxInFlight} were in flight (--max-in-flight)`,
    );
  return {
    valid: why.length === 0,
    why,
    sendLatenessMs: sends.summary(),
    loopLatenessMs: watch.lateness.summary(),
    stalls: watch.stalls,
    longestStallMs: watch.longestStallMs,
    held,
    longestHeldMs,
    lateRequests,
  };
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
