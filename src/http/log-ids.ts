import type { IncomingMessage } from "node:http";
import type { RequestTrace } from "../serving/tracing/request-trace.ts";
import { readTraceParent } from "../serving/tracing/traceparent.ts";

/** What a line of the log says of whose it is, by the names that collectors look for. */
export interface LogIds {
  readonly request_id: string;
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** @param trace null where it is not traced here: then its client's trace, where it has one */
export function logIds(requestId: string, request: IncomingMessage, trace: RequestTrace | null): LogIds {
  const named = trace ?? readTraceParent(request.headers["traceparent"]);
  if (named === null) return { request_id: requestId };
  return { request_id: requestId, trace_id: named.traceId, span_id: named.spanId };
}
