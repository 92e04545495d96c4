import type { TraceRequest } from "../model/traffic.ts";

/**
 * A trace at a pace that may change while it is played: each gap is as many times shorter as the factor says when the
 * request behind it is asked for.
 * @param factor > 0
 */
export function* pacedTraffic(trace: Iterable<TraceRequest>, factor: () => number): Generator<TraceRequest> {
  let arrivalMs = 0;
  let before = 0;
  for (const request of trace) {
    arrivalMs += (request.arrivalMs - before) / factor();
    before = request.arrivalMs;
    yield { ...request, arrivalMs };
  }
}
