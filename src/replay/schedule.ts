import type { TraceRequest } from "../model/traffic.ts";
import type { ScheduledRequest } from "./load.ts";

/**
 * Puts a trace on the replay's clock.
 * @param trace      in order of arrival; may be endless
 * @param speed      > 0; 2 plays the trace in half its time
 * @param durationMs requests that would start at or after this are left out; Infinity for the whole trace
 */
export async function* schedule(
  trace: AsyncIterable<TraceRequest> | Iterable<TraceRequest>,
  speed: number,
  durationMs: number,
): AsyncGenerator<ScheduledRequest, void> {
  let index = 0;
  for await (const request of trace) {
    const startMs = request.arrivalMs / speed;
    if (startMs >= durationMs) return;
    const { thinkMs } = request;
    yield { index, startMs, request, ...(thinkMs === undefined ? {} : { thinkMs: thinkMs / speed }) };
    index++;
  }
}
