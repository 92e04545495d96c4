import type { Distribution, DistributionSummary } from "../measures/distribution.ts";

/** How late the client may be at the 99th percentile: later, its own lateness is a visible part of what it measures. */
export const LATE_MS = 10;
/** Percentiles of fewer say nothing: a start takes a few slow turns of the event loop. */
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

/** What was seen of a client, or of several together. */
export interface ClientFacts {
  readonly sends: Distribution;
  readonly loop: Distribution;
  readonly stalls: number;
  readonly longestStallMs: number;
  readonly held: number;
  readonly longestHeldMs: number;
  readonly maxInFlight: number;
  readonly lateRequests: number;
}

export function clientVerdict(facts: ClientFacts): ClientVerdict {
  const { sends, loop, stalls, longestStallMs, held, longestHeldMs, maxInFlight, lateRequests } = facts;
  const why: string[] = [];
  const loopP99 = enough(loop);
  const sendP99 = enough(sends);
  if (stalls > 0)
    why.push(`it stood still ${times(stalls)} for up to ${ms(longestStallMs)} while streams were open`);
  if (loopP99 > LATE_MS) why.push(`its event loop was ${ms(loopP99)} late at p99 (bound: ${LATE_MS} ms)`);
  if (sendP99 > LATE_MS) why.push(`its sends were ${ms(sendP99)} late at p99 (bound: ${LATE_MS} ms)`);
  if (held > 0)
    why.push(
      `${held} requests waited up to ${ms(longestHeldMs)} because ${maxInFlight} were in flight (--max-in-flight)`,
    );
  return {
    valid: why.length === 0,
    why,
    sendLatenessMs: sends.summary(),
    loopLatenessMs: loop.summary(),
    stalls,
    longestStallMs,
    held,
    longestHeldMs,
    lateRequests,
  };
}

function enough(distribution: Distribution): number {
  return distribution.count < ENOUGH ? 0 : (distribution.percentile(99) ?? 0);
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
