import type { IncomingMessage, ServerResponse } from "node:http";
import type { Sampling } from "../../config/otel-environment.ts";
import type { HeaderList } from "../../serving/engine.ts";
import type { RequestTrace, RequestTracer } from "../../serving/tracing/request-trace.ts";
import { type TraceParent, readTraceParent } from "../../serving/tracing/traceparent.ts";
import { withTraceContext } from "./context-headers.ts";
import { RequestSpan } from "./request-span.ts";
import { Sampler } from "./sampler.ts";
import { unrecordedSpan } from "./trace-ids.ts";
import type { TraceTerms } from "./trace-terms.ts";

/** Traces the requests that its sampler takes; what is not sampled costs a look and, where engines are to know it, ids. */
export class SpanTracer implements RequestTracer {
  readonly #terms: TraceTerms;
  readonly #sampler: Sampler;

  constructor(terms: TraceTerms, sampling: Sampling) {
    this.#terms = terms;
    this.#sampler = new Sampler(sampling);
  }

  begin(
    request: IncomingMessage,
    response: ServerResponse,
    route: string,
    requestId: string,
  ): RequestTrace | null {
    const parent = this.#parentOf(request);
    if (!this.#sampler.takes(parent)) return null;
    return new RequestSpan(this.#terms, request, response, route, requestId, parent);
  }

  untraced(request: IncomingMessage, headers: HeaderList): HeaderList {
    if (!this.#terms.propagates || this.#parentOf(request) !== null) return headers;
    const { traceparent, tracestate } = request.headers;
    const span = unrecordedSpan();
    // Most clients name none: then there is nothing to look for.
    if (traceparent === undefined && tracestate === undefined) return [...headers, "traceparent", span];
    return withTraceContext(headers, span, false);
  }

  #parentOf({ headers }: IncomingMessage): TraceParent | null {
    return this.#terms.propagates ? readTraceParent(headers["traceparent"]) : null;
  }
}
