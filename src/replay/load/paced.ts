import type { ScheduledRequest } from "../load.ts";
import type { RequestSource } from "./request-source.ts";

/** Requests by the clock of their trace. @param speed > 0; 2 plays it in half its time */
export async function* byTraceClock(
  source: RequestSource,
  speed: number,
): AsyncGenerator<ScheduledRequest, void> {
  for (let next = await source.next(); next !== null; next = await source.next()) {
    const { index, request } = next;
    const { thinkMs } = request;
    const startMs = request.arrivalMs / speed;
    yield { index, startMs, request, ...(thinkMs === undefined ? {} : { thinkMs: thinkMs / speed }) };
  }
}

/** Requests in their order at these times, which are the only ones that count. */
export async function* atTimes(
  source: RequestSource,
  times: Iterable<number>,
): AsyncGenerator<ScheduledRequest, void> {
  for (const startMs of times) {
    const next = await source.next();
    if (next === null) return;
    const { index, request } = next;
    const { thinkMs } = request;
    yield { index, startMs, request, ...(thinkMs === undefined ? {} : { thinkMs }) };
  }
}
