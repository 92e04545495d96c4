import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Config } from "../config/config.ts";
import type { Solver } from "../control/solve/solver.ts";
import type { Store } from "../control/store.ts";
import type { Gateway } from "../serving/gateway.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { printable } from "../lib/printable.ts";
import type { RequestTracer } from "../serving/tracing/request-trace.ts";
import { dashboard } from "./dashboard.ts";
import { answerConnect, answerMalformed } from "./answer-malformed.ts";
import { encodingFault } from "./content-encoding.ts";
import type { CaptureView, WorkerView } from "./admin-state.ts";
import type { BodyMemory } from "./body-memory.ts";
import { CONTROL_BODY_BYTES, controlBodies, controlMemory, jsonReader } from "./control-body.ts";
import { Cors } from "./cors.ts";
import { shapeAt } from "./error-shapes.ts";
import { type ErrorAnswer, HttpError, routeNotFound } from "./errors.ts";
import { eventRoutes } from "./event-routes.ts";
import { changesRoutes } from "./changes-routes.ts";
import { exchangeRoute } from "./exchange-route.ts";
import { expertRoutes } from "./expert-routes.ts";
import { framingFault } from "./framing-fault.ts";
import { loadRoute } from "./load-route.ts";
import { type LocalityParts, localityRoute } from "./locality-route.ts";
import { type LogIds, logIds } from "./log-ids.ts";
import { requestIdOf } from "./headers.ts";
import { historyRoute } from "./history-route.ts";
import { boundPipelines } from "./in-turn.ts";
import { openAiRoutes } from "./openai-routes.ts";
import { type OperatorParts, operatorRoutes } from "./operator-routes.ts";
import { operatorDoor } from "./operator-door.ts";
import { openApiRoute } from "./openapi/route.ts";
import { orderRoutes } from "./order-routes.ts";
import { otherMethods } from "./other-methods.ts";
import { Peers } from "./peer.ts";
import { Refusals } from "./refusals.ts";
import type { OriginReader } from "./request-origin.ts";
import { LINGER_MS, sendError } from "./send-error.ts";
import { simulationRoutes } from "./simulation-routes.ts";
import { planRoute, solveRoute } from "./solve-route.ts";
import { type WhatIfs, whatIfRoute } from "./what-if-route.ts";
import type { ReadingTurns } from "./reading-turns.ts";
import { RequestLog } from "./request-log.ts";
import { relayRoutes } from "./relay-routes.ts";

export interface AppParts {
  /** The one that takes requests now. */
  readonly gateway: () => Gateway;
  /** Those there are now. */
  readonly controlled: readonly ControlledPool[];
  /** Is called when a reload has changed `controlled`. @returns the way to stop listening */
  readonly onPoolsChange: (listener: () => void) => () => void;
  readonly store: Store;
  readonly solver: Solver;
  readonly planner: Solver;
  readonly whatIfs: WhatIfs;
  readonly localityOf: LocalityParts["localityOf"];
  /** This gateway's among those that share the store. */
  readonly gatewayName: string;
  readonly metricsText: OperatorParts["metricsText"];
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** The processes that serve behind the port, where there are several. */
  readonly workers: () => readonly WorkerView[];
  /** What is recorded of the traffic. */
  readonly capture: () => CaptureView;
  /** The socket of the process that answers operators and engines; null where this one does. */
  readonly operatorSocket: string | null;
  /** Null where no request is traced. */
  readonly tracer: RequestTracer | null;
  /** For the bodies of all requests. */
  readonly memory: BodyMemory;
  readonly turns: ReadingTurns;
  readonly origins: OriginReader;
}

/** How often connections are checked for requests that take too long. */
const CHECK_CONNECTIONS_MS = 500;

/** A response's id has no length of its own; OpenAI's have some 55 characters. */
const LONGEST_ID = 512;

/** Lines of JSON. Foreign text in them must not act on a terminal that shows them. */
const LOG = { write: (line: string) => process.stderr.write(`${printable(line.trimEnd())}\n`) };

/** Fastify loads its compilers of schemas with the first instance where it is not given others. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: noSchema, buildSerializer: noSchema } };

/** The HTTP side of the gateway, not yet listening. */
export async function httpApp(config: Config, parts: AppParts): Promise<FastifyInstance> {
  const { gateway, controlled, wallClock, operatorSocket } = parts;
  const { http } = config;
  const { meter } = gateway().deck;
  const log = new RequestLog(http.logLevel);
  const app = fastify({
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: http.bodyLimitBytes,
    logger: { level: http.logLevel, stream: LOG },
    logController: log,
    routerOptions: { maxParamLength: LONGEST_ID },
    schemaController: NO_SCHEMAS,
    // A logger for each request costs more than its routing; the one line of a failed request names it.
    childLoggerFactory: (logger) => logger,
    keepAliveTimeout: http.keepAliveMs,
    requestTimeout: http.bodyTimeoutMs,
    http: {
      maxHeaderSize: http.maxHeaderBytes,
      headersTimeout: http.headersTimeoutMs,
      connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
      // Node's own answer would have no body; the hook below sends one.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => answerMalformed(error, socket, refusals),
    frameworkErrors: (error, request, { raw }) => sendRaw(raw, request.id, error),
    // Requests that arrive while the gateway stops are refused by admission, in OpenAI's shape.
    return503OnClosing: false,
  });

  const refusals = new Refusals(app.log, (reason) => gateway().deck.meter.refused("", reason));
  /** The count of refusals is about clients, not about operators and engines. */
  const operatorRefusals = new Refusals(app.log, () => {});
  const sendRaw = (response: ServerResponse, requestId: string, error: unknown) => {
    const shape = shapeAt(response.req.url ?? "");
    const answer = refusals.answer(error, logIds(requestId, response.req, null));
    sendError(response, answer, { requestId, shape, cors: [] });
  };
  app.setErrorHandler((error, request, reply) =>
    reply.send(errorBody(refusals.answer(error, idsOf(request)), request, reply)),
  );
  const refuseOperator = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const answer = operatorRefusals.answer(error, idsOf(request));
    if (request.raw.complete) return reply.send(errorBody(answer, request, reply));
    const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) => [name, String(value)]);
    const answering = { requestId: request.id, shape: shapeAt(request.url), cors: headers };
    sendError(reply.hijack().raw, answer, answering, LINGER_MS);
    return reply;
  };
  app.setNotFoundHandler(({ method, url }) => {
    throw routeNotFound(method, url);
  });
  app.addHook("onRequest", (request, reply, done) => {
    // Nothing that follows the last answer on a connection is served (RFC 9112 §9.6).
    if (request.raw.socket.writableEnded) reply.hijack();
    else done(unreadable(request));
  });
  app.server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const error = new HttpError("expectation_failed", "The gateway meets no expectation but 100-continue.");
    sendRaw(response, requestIdOf(request.headers), error);
  });
  app.server.on("connect", ({ url }: IncomingMessage, socket: Duplex) =>
    answerConnect(url ?? "", socket, refusals),
  );
  app.server.maxConnections = http.maxConnections;
  // Connections that nobody uses keep out no rank and no probe for long.
  app.server.on("drop", () => app.server.closeIdleConnections());
  boundPipelines(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });

  const refuseOtherMethods = otherMethods(app);
  const cors = new Cors(http.corsOrigins);
  const tracing = { tracer: parts.tracer, log };
  const { memory, turns, origins } = parts;
  const proxying = { gateway, origins, http, memory, turns, cors, refusals, ...tracing };
  await app.register(async (scope) => openAiRoutes(scope, proxying));
  if (operatorSocket !== null) {
    refuseOtherMethods();
    await app.register(async (scope) => relayRoutes(scope, operatorSocket, refusals));
    return app;
  }
  const peers = new Peers(app.server);
  await app.register(async (scope) => {
    scope.setErrorHandler(refuseOperator);
    const isOperator = operatorDoor(scope, { keyHash: config.operatorKeyHash, host: http.host, peers });
    scope.addHook("onRequest", (request, _reply, done) => done(encodingFault(request.headers) ?? undefined));
    const bodies = controlMemory();
    await scope.register(async (json) => {
      const terms = { memory: bodies, limitOf: () => CONTROL_BODY_BYTES, read: jsonReader(json) };
      controlBodies(json, ["application/json"], terms);
      expertRoutes(json, controlled);
      eventRoutes(json, { ...parts, pools: controlled, meter, wallClock });
      historyRoute(json, controlled, wallClock);
      changesRoutes(json, controlled);
      exchangeRoute(json, controlled);
      orderRoutes(json, controlled, peers);
      simulationRoutes(json, controlled);
      whatIfRoute(json, controlled, parts.whatIfs, peers);
      localityRoute(json, parts);
      operatorRoutes(json, { ...parts, isOperator });
    });
    await scope.register(async (loads) => loadRoute(loads, controlled, bodies));
    solveRoute(scope, parts.solver, peers, bodies);
    planRoute(scope, parts.planner, peers, bodies);
  });
  openApiRoute(app);
  await app.register(dashboard);
  refuseOtherMethods();
  return app;
}

/** What is wrong with a request by its route and headers: without a route its body is not read. */
function unreadable({ is404, method, url, raw }: FastifyRequest): Error | undefined {
  return is404 ? routeNotFound(method, url) : (framingFault(raw) ?? undefined);
}

function idsOf({ id, raw }: FastifyRequest): LogIds {
  return logIds(id, raw, null);
}

function noSchema(): never {
  throw new Error("a route has a JSON schema, and nothing compiles it: bodies are checked by lib/shape.ts");
}

function errorBody(answer: ErrorAnswer, { id, url, raw }: FastifyRequest, reply: FastifyReply): object {
  // The rest of the request is not read.
  if (!raw.complete) reply.header("connection", "close");
  if (answer.retryAfterSeconds !== null) reply.header("retry-after", answer.retryAfterSeconds);
  // A stream that broke before its response headers were sent has set its own type.
  reply.removeHeader("content-length").type("application/json; charset=utf-8").code(answer.status);
  return shapeAt(url).body(answer, id);
}
