import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { EngineUnreachable, HeaderList, Shard } from "../../serving/engine.ts";
import type { AttemptPart, AttemptTrace } from "../../serving/tracing/request-trace.ts";
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
  readonly #span: Span;
  #status = 0;
  #over = false;

  /** @param nth 1 for the first attempt */
  constructor(terms: TraceTerms, request: AttemptOf, shard: Shard, part: AttemptPart, nth: number) {
    this.#terms = terms;
    this.#request = request;
    const attributes: Attributes = {
      ...request.attributes,
      ...serverAddress(shard, request.path),
      "plimsoll.shard": shard.id,
      "plimsoll.rank": shard.rank,
      "plimsoll.attempt": nth,
    };
    if (part !== "whole") attributes["plimsoll.part"] = part;
    if (nth > 1) attributes["http.request.resend_count"] = nth - 1;
    const { name, parent } = request;
    const startTime = this.#now();
    this.#span = terms.tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes, startTime }, parent);
  }

  headers(forwarded: HeaderList): HeaderList {
    if (!this.#terms.propagates) return forwarded;
    const { traceId, spanId } = this.#span.spanContext();
    return withTraceContext(forwarded, { traceId, spanId, sampled: true }, this.#request.keepsState);
  }

  received(status: number): void {
    if (this.#over) return;
    this.#status = status;
    this.#quietly(() => this.#span.setAttribute("http.response.status_code", status));
  }

  ended(): void {
    this.#end(this.#status >= REFUSED ? { type: `${this.#status}` } : null);
  }

  failed(fault: EngineUnreachable): void {
    this.#end({ type: fault.reason, message: fault.message });
  }

  cancelled(): void {
    if (this.#over) return;
    if (this.#status < REFUSED) this.#quietly(() => this.#span.setAttribute("plimsoll.cancelled", true));
    this.ended();
  }

  #end(error: { readonly type: string; readonly message?: string } | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#quietly(() => {
      if (error !== null) {
        this.#span.setAttribute("error.type", error.type);
        this.#span.setStatus({
          code: SpanStatusCode.ERROR,
          ...(error.message === undefined ? {} : { message: error.message }),
        });
      }
      this.#span.end(this.#now());
    });
  }

  #now(): number {
    return this.#request.epochMs + performance.now();
  }

  #quietly(step: () => void): void {
    quietly(this.#terms, step);
  }
}
