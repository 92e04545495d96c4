import type { IncomingMessage, ServerResponse } from "node:http";
import type { RoutingScores } from "../../routing/routing-scores.ts";
import type { EngineRequest, EngineUnreachable, HeaderList, Shard } from "../engine.ts";
import { withOtherHeaders } from "../engine-request.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import type { RequestTiming } from "../traffic/traffic-meter.ts";
import type { CountedTokens, RequestOutcome } from "../traffic/traffic-observer.ts";

/** Decides which requests are traced, and follows those. Telemetry implements it; nothing in it waits or throws. */
export interface RequestTracer {
  /**
   * A request has arrived.
   * @param route as the API writes it, e.g. `/v1/responses/:id`
   * @returns null for one that is not traced
   */
  begin(
    request: IncomingMessage,
    response: ServerResponse,
    route: string,
    requestId: string,
  ): RequestTrace | null;
  /**
   * What an engine gets in place of the headers of a request that is not traced: the client's own trace context where it
   * has one, else one that says that nobody records.
   */
  untraced(request: IncomingMessage, headers: HeaderList): HeaderList;
}

/** One request that is traced. */
export interface RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** It is a request for this pool now, and applies for admission. */
  began(pool: string, facts: RequestFacts, model: string, epoch: number): void;
  /** It goes to another pool. */
  moved(pool: string, model: string, epoch: number): void;
  /** It has to wait for admission. */
  queued(): void;
  admitted(): void;
  /** @param scores of the choice; without any shard where all were filtered out */
  routed(scores: RoutingScores, shards: readonly Shard[]): void;
  /** It will be sent there. */
  attempt(shard: Shard, part: AttemptPart): AttemptTrace;
  /** It is sent again. @param fault of the attempt before; null for a second one beside the first */
  resent(fault: EngineUnreachable | null): void;
  /** The first byte goes to the client. @param streams whether it is an event stream's */
  answered(shard: Shard, streams: boolean): void;
  /**
   * The flight is over; called once, last of all.
   * @param finish why the engine stopped generating, in its own word; null where it does not say
   */
  ended(end: FlightEnd, finish: string | null): void;
  /** It was refused before there was a flight: it is over. */
  refused(reason: string): void;
}

/** What an attempt's server does of the request. */
export type AttemptPart = "whole" | "prefill" | "decode";

/** How a request ended. */
export interface FlightEnd {
  readonly outcome: RequestOutcome;
  /** As in `Responded`. */
  readonly errorType: string;
  readonly timing: RequestTiming;
  /** Null where it was not answered whole, or generates nothing. */
  readonly tokens: CountedTokens | null;
}

/** Receives every request that ends, traced or not. Telemetry implements it; it neither waits nor throws. */
export interface EndObserver {
  /** @param path what was asked for, with its query */
  ended(pool: string, path: string, model: string, end: FlightEnd): void;
}

/** One upstream attempt, or its half on one of a pair of servers. It ends once: the first that ends it counts. */
export interface AttemptTrace {
  /** It is sent now, with these headers in place of those. One that never is leaves no trace. */
  headers(forwarded: HeaderList): HeaderList;
  received(status: number): void;
  /** All of the answer has come. */
  ended(): void;
  failed(fault: EngineUnreachable): void;
  /** Nobody wants its answer any more. */
  cancelled(): void;
}

/** The request as an attempt's server gets it. */
export function tracedRequest(request: EngineRequest, trace: AttemptTrace | null): EngineRequest {
  return trace === null ? request : withOtherHeaders(request, trace.headers(request.headers));
}
