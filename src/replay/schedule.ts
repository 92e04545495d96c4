import type { TraceRequest } from "../model/traffic.ts";

export interface ScheduledRequest {
  /** Position in the trace, from 0. */
  readonly index: number;
  /** When to send it, milliseconds after the replay began. */
  readonly startMs: number;
  readonly request: TraceRequest;
}

/**
 * Puts a trace on the replay's clock.
 * @param trace      in order of arrival; may be endless
 * @param speed      > 0; 2 plays the trace in half its time
 * @param durationMs requests that would start at or after this are left out; Infinity for the whole trace
 */
export function* schedule(
  trace: Iterable<TraceRequest>,
  speed: number,
  durationMs: number,
): Generator<ScheduledRequest, void> {
  let index = 0;
  for (const request of trace) {
    const startMs = request.arrivalMs / speed;
    if (startMs >= durationMs) return;
    yield { index, startMs, request };
    index++;
  }
}
