import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  createTraceState,
  trace,
} from "@opentelemetry/api";
import type { RoutingScores } from "../../routing/routing-scores.ts";
import type { EngineUnreachable, Shard } from "../../serving/engine.ts";
import type { RequestFacts } from "../../serving/request/request-facts.ts";
import type {
  AttemptPart,
  AttemptTrace,
  FlightEnd,
  RequestTrace,
} from "../../serving/tracing/request-trace.ts";
import type { TraceParent } from "../../serving/tracing/traceparent.ts";
import { apiOperation } from "../gen-ai/api-operation.ts";
import { AttemptSpan } from "./attempt-span.ts";
import { routingAttributes } from "./routing-event.ts";
import { type TraceTerms, quietly } from "./trace-terms.ts";

/** From this status on an answer is the server's own error. */
const FAILED = 500;

/** A request as a server's span, with what happens to it as events, and its attempts as spans below it. */
export class RequestSpan implements RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly #terms: TraceTerms;
  readonly #response: ServerResponse;
  readonly #route: string;
  readonly #span: Span;
  readonly #context: Context;
  readonly #keepsState: boolean;
  /** From this process's clock to ms since 1970. */
  readonly #epochMs = Date.now() - performance.now();
  /** Of the request's spans, those of attempts too. */
  #common: Attributes;
  #name: string;
  readonly #path: string;
  #appliedMs = 0;
  #attempts = 0;
  #streams = false;
  #over = false;

  /** @param parent the client's span; null where the trace begins here */
  constructor(
    terms: TraceTerms,
    request: IncomingMessage,
    response: ServerResponse,
    route: string,
    requestId: string,
    parent: TraceParent | null,
  ) {
    this.#terms = terms;
    this.#response = response;
    this.#route = route;
    this.#keepsState = parent !== null;
    const method = request.method ?? "";
    this.#name = `${method} ${route}`;
    this.#path = pathOf(request.url ?? "");
    this.#common = { "http.request.method": method, "url.template": route };
    const above = parent === null ? ROOT_CONTEXT : contextOf(parent, request.headers["tracestate"]);
    const attributes = {
      "http.request.method": method,
      "http.route": route,
      "url.path": this.#path,
      "url.scheme": "http",
      "plimsoll.request_id": requestId,
    };
    const startTime = this.#now();
    this.#span = terms.tracer.startSpan(this.#name, { kind: SpanKind.SERVER, attributes, startTime }, above);
    this.#context = trace.setSpan(above, this.#span);
    const { traceId, spanId } = this.#span.spanContext();
    this.traceId = traceId;
    this.spanId = spanId;
    // A client that leaves while its body arrives has no flight; a flight is told the same, and ends the span.
    response.once("close", () => setImmediate(() => this.#end("cancelled", "", {})));
  }

  began(pool: string, facts: RequestFacts, model: string, epoch: number): void {
    this.#quietly(() => {
      const { inputTokens, maxTokens, priority, tenant, session } = facts;
      this.#appliedMs = performance.now();
      const { names, genAi } = this.#terms;
      this.#span.setAttributes({
        "plimsoll.pool": pool,
        "plimsoll.model": model,
        "plimsoll.epoch": epoch,
        "plimsoll.priority": priority,
        "plimsoll.estimated_input_tokens": inputTokens,
      });
      if (names) this.#span.setAttribute("plimsoll.tenant", tenant);
      if (names && session !== null) this.#span.setAttribute("plimsoll.session", session);
      const operation = genAi ? apiOperation(this.#route) : null;
      if (operation === null) return;
      this.#name = `${operation} ${model}`;
      this.#span.updateName(this.#name);
      const general = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": this.#terms.engineOf(pool),
        "gen_ai.request.model": model,
      };
      this.#common = { ...this.#common, ...general };
      this.#span.setAttributes(general);
      if (maxTokens !== null) this.#span.setAttribute("gen_ai.request.max_tokens", maxTokens);
      if (names && session !== null) this.#span.setAttribute("gen_ai.conversation.id", session);
    });
  }

  moved(pool: string, model: string, epoch: number): void {
    this.#quietly(() => {
      const now = { "plimsoll.pool": pool, "plimsoll.model": model, "plimsoll.epoch": epoch };
      this.#span.setAttributes(now);
      this.#add("plimsoll.moved", now);
    });
  }

  queued(): void {
    this.#event("plimsoll.queued", {});
  }

  admitted(): void {
    this.#event("plimsoll.admitted", { "plimsoll.wait_ms": performance.now() - this.#appliedMs });
  }

  routed(scores: RoutingScores, shards: readonly Shard[]): void {
    this.#quietly(() => this.#add("plimsoll.routed", routingAttributes(scores, shards)));
  }

  attempt(shard: Shard, part: AttemptPart): AttemptTrace {
    // Both halves of a pair are one attempt.
    if (part !== "prefill") this.#attempts++;
    const request = {
      name: this.#name,
      path: this.#path,
      attributes: this.#common,
      parent: this.#context,
      epochMs: this.#epochMs,
      keepsState: this.#keepsState,
    };
    return new AttemptSpan(this.#terms, request, shard, part, this.#attempts);
  }

  resent(fault: EngineUnreachable | null): void {
    const why = fault === null ? { "plimsoll.resent.why": "hedge" } : whyOf(fault);
    this.#event("plimsoll.resent", why);
  }

  answered({ id }: Shard, streams: boolean): void {
    this.#streams = streams;
    this.#quietly(() => {
      this.#span.setAttribute("plimsoll.shard", id);
      this.#add("plimsoll.first_byte", { "plimsoll.shard": id });
    });
  }

  ended(end: FlightEnd, finish: string | null): void {
    if (this.#over) return;
    this.#quietly(() => {
      const { outcome, errorType, timing, tokens } = end;
      const { arrivalMs, firstFrameMs, frames } = timing;
      const attributes: Attributes = { "plimsoll.attempts": this.#attempts };
      if (firstFrameMs !== null) {
        this.#span.addEvent("plimsoll.first_token", {}, this.#epochMs + firstFrameMs);
        attributes["plimsoll.time_to_first_token_ms"] = firstFrameMs - arrivalMs;
      }
      if (frames > 0) attributes["plimsoll.frames"] = frames;
      if (finish !== null) attributes["plimsoll.finish_reason"] = finish;
      if (tokens !== null) Object.assign(attributes, tokenAttributes(tokens));
      if (this.#terms.genAi && apiOperation(this.#route) !== null)
        Object.assign(attributes, this.#genAiEnd(end, finish));
      this.#end(outcome, errorType, attributes);
    });
  }

  refused(reason: string): void {
    this.#quietly(() => this.#end(this.#statusCode() >= FAILED ? "failed" : "client_error", reason, {}));
  }

  /** Tokens stand on the request's span alone, so that sums count them once. */
  #genAiEnd({ timing: { arrivalMs, firstFrameMs }, tokens }: FlightEnd, finish: string | null): Attributes {
    const attributes: Attributes = {};
    if (this.#streams) attributes["gen_ai.request.stream"] = true;
    if (this.#streams && firstFrameMs !== null)
      attributes["gen_ai.response.time_to_first_chunk"] = (firstFrameMs - arrivalMs) / 1000;
    if (finish !== null) attributes["gen_ai.response.finish_reasons"] = [finish];
    if (tokens?.reported !== true) return attributes;
    attributes["gen_ai.usage.input_tokens"] = tokens.prompt;
    if (tokens.answer !== null) attributes["gen_ai.usage.output_tokens"] = tokens.answer;
    if (tokens.cached !== null) attributes["gen_ai.usage.cache_read.input_tokens"] = tokens.cached;
    return attributes;
  }

  /** @param errorType as in `Responded` */
  #end(outcome: string, errorType: string, attributes: Attributes): void {
    if (this.#over) return;
    this.#over = true;
    const status = this.#statusCode();
    const failed = outcome === "failed" || status >= FAILED;
    this.#span.setAttributes({ ...attributes, "plimsoll.outcome": outcome });
    if (status > 0) this.#span.setAttribute("http.response.status_code", status);
    // Who leaves is no error of the server's.
    if (errorType !== "" && outcome !== "cancelled") this.#span.setAttribute("error.type", errorType);
    if (failed) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(this.#now());
  }

  /** 0 where the client was sent none. */
  #statusCode(): number {
    return this.#response.headersSent ? this.#response.statusCode : 0;
  }

  #event(name: string, attributes: Attributes): void {
    this.#quietly(() => this.#add(name, attributes));
  }

  #add(name: string, attributes: Attributes): void {
    this.#span.addEvent(name, attributes, this.#now());
  }

  #now(): number {
    return this.#epochMs + performance.now();
  }

  #quietly(step: () => void): void {
    quietly(this.#terms, step);
  }
}

function contextOf({ traceId, spanId }: TraceParent, state: string | string[] | undefined): Context {
  const remote = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  const traceState = typeof state === "string" ? { traceState: createTraceState(state) } : {};
  return trace.setSpanContext(ROOT_CONTEXT, { ...remote, ...traceState });
}

function pathOf(target: string): string {
  return target.replace(/[?#].*$/s, "");
}

function whyOf({ reason, forClients }: EngineUnreachable): Attributes {
  return { "plimsoll.resent.why": reason, "plimsoll.resent.message": forClients };
}

function tokenAttributes(tokens: NonNullable<FlightEnd["tokens"]>): Attributes {
  const { prompt, answer, cached, reported } = tokens;
  return {
    "plimsoll.input_tokens": prompt,
    "plimsoll.tokens_counted_by": reported ? "engine" : "estimate",
    ...(answer === null ? {} : { "plimsoll.output_tokens": answer }),
    ...(cached === null ? {} : { "plimsoll.cached_tokens": cached }),
  };
}
