import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { EngineUnreachable, HeaderList, Shard } from "../../serving/engine.ts";
import type { AttemptPart, AttemptTrace } from "../../serving/tracing/request-trace.ts";
import { writeTraceParent } from "../../serving/tracing/traceparent.ts";
import { withTraceContext } from "./context-headers.ts";
import { serverAddress } from "./server-address.ts";
import { type TraceTerms, quietly } from "./trace-terms.ts";

/** From this status on an answer is an error to who asked. */
const REFUSED = 400;

/** What an attempt has of its request. */
export interface AttemptOf {
  readonly name: string;
  /** Without its query. */
  readonly path: string;
  /** Of every span of the request. */
  readonly attributes: Attributes;
  /** The context of the request's span. */
  readonly parent: Context;
  /** From this process's clock to ms since 1970. */
  readonly epochMs: number;
  /** Whether the client's `tracestate` goes on. */
  readonly keepsState: boolean;
}

/** One attempt as a client's span. */
export class AttemptSpan implements AttemptTrace {
  readonly #terms: TraceTerms;
  readonly #request: AttemptOf;
  readonly #attributes: Attributes;
  /** Null until it is sent. */
  #span: Span | null = null;
  #status = 0;
  #over = false;

  /** @param nth 1 for the first attempt */
  constructor(terms: TraceTerms, request: AttemptOf, shard: Shard, part: AttemptPart, nth: number) {
    this.#terms = terms;
    this.#request = request;
    this.#attributes = {
      ...request.attributes,
      ...serverAddress(shard, request.path),
      "plimsoll.shard": shard.id,
      "plimsoll.rank": shard.rank,
      "plimsoll.attempt": nth,
    };
    if (part !== "whole") this.#attributes["plimsoll.part"] = part;
    if (nth > 1) this.#attributes["http.request.resend_count"] = nth - 1;
  }

  headers(forwarded: HeaderList): HeaderList {
    let sent = forwarded;
    this.#quietly(() => {
      const { name, parent, keepsState } = this.#request;
      const how = { kind: SpanKind.CLIENT, attributes: this.#attributes, startTime: this.#now() };
      this.#span = this.#terms.tracer.startSpan(name, how, parent);
      const { traceId, spanId } = this.#span.spanContext();
      if (this.#terms.propagates)
        sent = withTraceContext(forwarded, writeTraceParent({ traceId, spanId, sampled: true }), keepsState);
    });
    return sent;
  }

  received(status: number): void {
    if (this.#over) return;
    this.#status = status;
    this.#quietly(() => this.#span?.setAttribute("http.response.status_code", status));
  }

  ended(): void {
    this.#end(this.#status >= REFUSED ? { type: `${this.#status}` } : null);
  }

  failed(fault: EngineUnreachable): void {
    this.#end({ type: fault.reason, message: fault.message });
  }

  cancelled(): void {
    if (this.#over) return;
    if (this.#status < REFUSED) this.#quietly(() => this.#span?.setAttribute("plimsoll.cancelled", true));
    this.ended();
  }

  #end(error: { readonly type: string; readonly message?: string } | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#quietly(() => {
      if (error !== null) {
        const { type, message = "" } = error;
        this.#span?.setAttribute("error.type", type);
        this.#span?.setStatus({ code: SpanStatusCode.ERROR, ...(message === "" ? {} : { message }) });
      }
      this.#span?.end(this.#now());
    });
  }

  #now(): number {
    return this.#request.epochMs + performance.now();
  }

  #quietly(step: () => void): void {
    quietly(this.#terms, step);
  }
}
