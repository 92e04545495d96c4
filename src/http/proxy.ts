import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "../config/config.ts";
import type { EngineRequest } from "../serving/engine.ts";
import { engineRequest } from "../serving/engine-request.ts";
import type { RequestTrace, RequestTracer } from "../serving/tracing/request-trace.ts";
import type { Gateway } from "../serving/gateway.ts";
import { type ApiRoute, enginePath } from "../serving/request/api-routes.ts";
import type { RequestFacts } from "../serving/request/request-facts.ts";
import type { Admission } from "../serving/admission/admission.ts";
import { unreadFacts } from "../serving/request/unread-facts.ts";
import type { Identity } from "../access/identity.ts";
import type { BodyMemory, HeldBody } from "./body-memory.ts";
import { ClientResponse } from "./client-response.ts";
import { encodingFault } from "./content-encoding.ts";
import type { Cors } from "./cors.ts";
import { ERROR_SHAPES } from "./error-shapes.ts";
import { forwardedHeaders } from "./headers.ts";
import { inTurn } from "./in-turn.ts";
import { logIds } from "./log-ids.ts";
import { rateHeaders } from "./rate-headers.ts";
import { readBody } from "./read-body.ts";
import { FactsReader } from "./read-facts.ts";
import type { ReadingTurns } from "./reading-turns.ts";
import type { Refusals } from "./refusals.ts";
import type { RequestLog } from "./request-log.ts";
import type { OriginReader } from "./request-origin.ts";
import type { ShardNames } from "./shard-names.ts";
import { type Answering, sendError } from "./send-error.ts";

export interface ProxyParts {
  /** The one that takes requests now: while a body arrives, a reload may put another in its place. */
  readonly gateway: () => Gateway;
  readonly origins: OriginReader;
  readonly http: Config["http"];
  readonly memory: BodyMemory;
  readonly turns: ReadingTurns;
  readonly cors: Cors;
  readonly shards: ShardNames;
  readonly refusals: Refusals;
  /** Null where no request is traced. */
  readonly tracer: RequestTracer | null;
  readonly log: RequestLog;
}

/** A request that Fastify has matched and handed over. */
export interface ProxiedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly path: string;
  /** The value of the path's `:id`, decoded; null where it has none. */
  readonly id: string | null;
  readonly errors: ApiRoute["errors"];
  /** Null where it is not traced. */
  readonly trace: RequestTrace | null;
}

/** Reads a whole request and sends it to an engine; the engine's answer is relayed as it is. */
export function proxy(parts: ProxyParts, route: ApiRoute, proxied: ProxiedRequest): void {
  const { request, response, id } = proxied;
  let identity: Identity | null = null;
  const answering = answeringOf(parts, proxied);
  const refuse = (error: unknown) => refused(parts, proxied, answering, error);
  const reader = new FactsReader(route, request.headers);
  const send = (body: Buffer | null, held: HeldBody | null) => {
    const start = (step: () => void) => {
      try {
        step();
      } catch (error) {
        held?.release();
        refuse(error);
      }
    };
    start(() => {
      const origin = parts.origins.read(request.headers, identity);
      const facts = reader.facts(origin, id, body);
      const upstream = upstreamOf(parts, proxied, facts);
      const lookUp = parts.gateway().lookUp(facts, upstream);
      const go = () => forward(parts, proxied, answering, facts, upstream, held);
      if (lookUp === null) go();
      // The client may have left meanwhile.
      else {
        const fail = (error: unknown) =>
          start(() => {
            throw error;
          });
        void lookUp.then(() => response.destroyed || start(go), fail);
      }
    });
  };
  const take = (who: Identity | null) => {
    identity = who;
    if (route.body === "none") return send(null, null);
    const fault = encodingFault(request.headers);
    if (fault !== null) return refuse(fault);
    const { http, memory, turns } = parts;
    const terms = { limitBytes: http.bodyLimitBytes, memory, turns, reader: reader.body };
    readBody(request, response, terms, send, refuse);
  };
  // Of a client that is not known nothing is read.
  inTurn(response, () => identified(parts, proxied, take, refuse));
}

/** Who asks, within the call but for a token that is new. @param then not called once the client has left */
function identified(
  { origins }: ProxyParts,
  { request, response }: ProxiedRequest,
  then: (identity: Identity | null) => void,
  refuse: (error: unknown) => void,
): void {
  let identity: ReturnType<OriginReader["identify"]>;
  try {
    identity = origins.identify(request.headers);
  } catch (error) {
    return refuse(error);
  }
  if (identity instanceof Promise)
    void identity.then((who) => response.destroyed || then(who), refuse).catch(refuse);
  else then(identity);
}

/** Relays a browser's preflight to an engine. */
export function relayPreflight(parts: ProxyParts, proxied: ProxiedRequest): void {
  const { request, response } = proxied;
  const answering = answeringOf(parts, proxied);
  inTurn(response, () => {
    try {
      const { pools } = parts.gateway();
      // It names no model. Whichever pool answers, each later answer says itself which pages may read it.
      const pool = pools.find(({ states }) => states.ready.includes(1)) ?? pools[0];
      const origin = parts.origins.read(request.headers, null);
      const facts = unreadFacts({ ...origin, rank: -1 }, pool.models[0], null, 0, null);
      forward(parts, proxied, answering, facts, upstreamOf(parts, proxied, facts), null);
    } catch (error) {
      refused(parts, proxied, answering, error);
    }
  });
}

function upstreamOf(
  { tracer, origins }: ProxyParts,
  { request, requestId, path, id, trace }: ProxiedRequest,
  { body, fields, routedExperts }: RequestFacts,
): EngineRequest {
  const method = request.method === "HEAD" ? "GET" : (request.method as EngineRequest["method"]);
  const { rawHeaders, headers: named } = request;
  const forwarded = forwardedHeaders(rawHeaders, named.connection, requestId, origins.endsKeys);
  // Each attempt of one that is traced names its own span.
  const headers = tracer === null || trace !== null ? forwarded : tracer.untraced(request, forwarded);
  const own = enginePath(path, id, request.url as string);
  const asksForExperts = routedExperts;
  return engineRequest({ method, path: own, headers, body, fields: fields ?? undefined, asksForExperts });
}

function forward(
  { gateway, http, refusals, shards }: ProxyParts,
  { request, response, requestId, trace }: ProxiedRequest,
  answering: Answering,
  facts: RequestFacts,
  upstream: EngineRequest,
  held: HeldBody | null,
): void {
  const { clientStallMs, streamKeepAliveMs } = http;
  const failed = (error: Error) => refusals.failed(error, logIds(requestId, request, trace));
  const { admission } = gateway().deck;
  const rated =
    admission.standing(facts.tenant) === null ? answering : withRates(answering, admission, facts);
  const client = new ClientResponse(response, rated, shards, clientStallMs, streamKeepAliveMs, held, failed);
  client.follow(gateway().send(facts, upstream, client, trace));
}

function withRates(answering: Answering, admission: Admission, { tenant }: RequestFacts): Answering {
  const rates = () => {
    const standing = admission.standing(tenant);
    return standing === null ? [] : rateHeaders(standing);
  };
  return { ...answering, rates };
}

function answeringOf({ cors }: ProxyParts, { request, requestId, errors }: ProxiedRequest): Answering {
  return { requestId, shape: ERROR_SHAPES[errors], cors: cors.headers(request.headers) };
}

function refused(
  { refusals }: ProxyParts,
  { request, response, requestId, trace }: ProxiedRequest,
  answering: Answering,
  error: unknown,
): void {
  const answer = refusals.answer(error, logIds(requestId, request, trace));
  sendError(response, answer, answering);
  trace?.refused(answer.body.error.reason);
}
