import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Config } from "../config/config.ts";
import type { Solver } from "../control/solve/solver.ts";
import type { Store } from "../control/store.ts";
import type { Gateway } from "../serving/gateway.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { printable } from "../lib/printable.ts";
import { dashboard } from "./dashboard.ts";
import { answerConnect, answerMalformed } from "./answer-malformed.ts";
import { encodingFault } from "./content-encoding.ts";
import { BodyMemory } from "./body-memory.ts";
import { Cors } from "./cors.ts";
import { shapeAt } from "./error-shapes.ts";
import { type ErrorAnswer, HttpError, routeNotFound } from "./errors.ts";
import { eventRoutes } from "./event-routes.ts";
import { expertRoutes } from "./expert-routes.ts";
import { framingFault } from "./framing-fault.ts";
import { loadRoute } from "./load-route.ts";
import { requestIdOf } from "./headers.ts";
import { boundPipelines } from "./in-turn.ts";
import { openAiRoutes } from "./openai-routes.ts";
import { type WorkerView, operatorRoutes } from "./operator-routes.ts";
import { operatorKey } from "./operator-key.ts";
import { orderRoutes } from "./order-routes.ts";
import { otherMethods } from "./other-methods.ts";
import { Refusals } from "./refusals.ts";
import { OriginReader } from "./request-origin.ts";
import { sendError } from "./send-error.ts";
import { solveRoute } from "./solve-route.ts";
import { ReadingTurns } from "./reading-turns.ts";
import { relayRoutes } from "./relay-routes.ts";

export interface AppParts {
  /** The one that takes requests now. */
  readonly gateway: () => Gateway;
  readonly controlled: readonly ControlledPool[];
  readonly store: Store;
  readonly solver: Solver;
  /** This gateway's among those that share the store. */
  readonly gatewayName: string;
  readonly metricsText: () => Promise<string>;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** The processes that serve behind the port, where there are several. */
  readonly workers: () => readonly WorkerView[];
  /** The socket of the process that answers operators and engines; null where this one does. */
  readonly operatorSocket: string | null;
}

/** How often connections are checked for requests that take too long. */
const CHECK_CONNECTIONS_MS = 500;

/** A response's id has no length of its own; OpenAI's have some 55 characters. */
const LONGEST_ID = 512;

/** Lines of JSON. Foreign text in them must not act on a terminal that shows them. */
const LOG = { write: (line: string) => process.stderr.write(`${printable(line.trimEnd())}\n`) };

/** The HTTP side of the gateway, not yet listening. */
export async function httpApp(config: Config, parts: AppParts): Promise<FastifyInstance> {
  const { gateway, controlled, wallClock, operatorSocket } = parts;
  const { http } = config;
  const { meter } = gateway().deck;
  const app = fastify({
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: http.bodyLimitBytes,
    logger: { level: http.logLevel, stream: LOG },
    routerOptions: { maxParamLength: LONGEST_ID },
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
    sendError(response, refusals.answer(error, requestId), { requestId, shape, cors: [] });
  };
  const refuseTo = (to: Refusals) => (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    reply.send(errorBody(to.answer(error, request.id), request, reply));

  app.setErrorHandler(refuseTo(refusals));
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
  boundPipelines(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });

  const refuseOtherMethods = otherMethods(app);
  const origins = new OriginReader(config.tenancy);
  const cors = new Cors(http.corsOrigins);
  // One body of the largest size always fits.
  const memory = new BodyMemory(Math.max(http.bodyMemoryBytes, http.bodyLimitBytes));
  const proxying = { gateway, origins, http, memory, turns: new ReadingTurns(), cors, refusals };
  await app.register(async (scope) => openAiRoutes(scope, proxying));
  if (operatorSocket !== null) {
    refuseOtherMethods();
    await app.register(async (scope) => relayRoutes(scope, operatorSocket, refusals));
    return app;
  }
  await app.register(async (scope) => {
    scope.setErrorHandler(refuseTo(operatorRefusals));
    scope.addHook("onRequest", (request, _reply, done) => done(encodingFault(request.headers) ?? undefined));
    operatorKey(scope, config.operatorKey);
    expertRoutes(scope, controlled);
    loadRoute(scope, controlled);
    solveRoute(scope, parts.solver);
    eventRoutes(scope, controlled, meter, wallClock);
    orderRoutes(scope, controlled);
    operatorRoutes(scope, parts);
  });
  await app.register(dashboard);
  refuseOtherMethods();
  return app;
}

/** What is wrong with a request by its route and headers: without a route its body is not read. */
function unreadable({ is404, method, url, raw }: FastifyRequest): Error | undefined {
  return is404 ? routeNotFound(method, url) : (framingFault(raw) ?? undefined);
}

function errorBody(answer: ErrorAnswer, { id, url, raw }: FastifyRequest, reply: FastifyReply): object {
  // The rest of the request is not read.
  if (!raw.complete) reply.header("connection", "close");
  if (answer.retryAfterSeconds !== null) reply.header("retry-after", answer.retryAfterSeconds);
  // A stream that broke before its response headers were sent has set its own type.
  reply.removeHeader("content-length").type("application/json; charset=utf-8").code(answer.status);
  return shapeAt(url).body(answer, id);
}
