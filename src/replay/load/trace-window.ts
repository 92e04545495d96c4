import type { TraceRequest } from "../../model/traffic.ts";

/** From one time of a trace to another, milliseconds after its first request; the end does not belong to it. */
export interface TraceWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The requests that arrive in the window, on a clock that begins with it. */
export async function* inWindow(
  trace: AsyncIterable<TraceRequest>,
  { fromMs, toMs }: TraceWindow,
): AsyncGenerator<TraceRequest, void> {
  for await (const request of trace) {
    if (request.arrivalMs >= toMs) return;
    if (request.arrivalMs >= fromMs) yield { ...request, arrivalMs: request.arrivalMs - fromMs };
  }
}
