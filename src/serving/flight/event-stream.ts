import type { HeaderList, ResponseHeaders } from "../engine.ts";

/** Whether a response is a stream of server-sent events that can be read, frame by frame. */
export function isEventStream({ headers }: ResponseHeaders): boolean {
  const type = headerOf(headers, "content-type");
  return (
    type !== undefined &&
    type.startsWith("text/event-stream") &&
    headerOf(headers, "content-encoding") === undefined
  );
}

/** The value of the first header of that name, in lower case. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i].length === name.length && headers[i].toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}
