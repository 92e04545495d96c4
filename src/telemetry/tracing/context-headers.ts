import type { HeaderList } from "../../serving/engine.ts";

/**
 * Headers with this span in place of what they said of a trace.
 * @param span as `traceparent` has it
 * @param keepsState whether `tracestate` goes on: it is part of the trace that the client began
 */
export function withTraceContext(headers: HeaderList, span: string, keepsState: boolean): HeaderList {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i];
    if (!is(name, "traceparent") && (keepsState || !is(name, "tracestate"))) kept.push(name, headers[i + 1]);
  }
  kept.push("traceparent", span);
  return kept;
}

/** @param name in lower case */
function is(header: string, name: string): boolean {
  return header.length === name.length && header.toLowerCase() === name;
}
