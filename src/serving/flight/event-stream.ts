import type { ResponseHeaders } from "../engine.ts";
import { headerOf } from "../header-list.ts";

/** Whether a response is a stream of server-sent events that can be read, frame by frame. */
export function isEventStream({ headers }: ResponseHeaders): boolean {
  const type = headerOf(headers, "content-type");
  return (
    type !== undefined &&
    type.startsWith("text/event-stream") &&
    headerOf(headers, "content-encoding") === undefined
  );
}
