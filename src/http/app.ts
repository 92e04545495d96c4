import { type FastifyInstance, fastify } from "fastify";
import type { Config } from "../config/config.ts";
import type { Solver } from "../control/solver.ts";
import type { Store } from "../control/store.ts";
import type { Gateway } from "../serving/gateway.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { dashboard } from "./dashboard.ts";
import { answerMalformed } from "./answer-malformed.ts";
import { HttpError, errorAnswer } from "./errors.ts";
import { eventRoutes } from "./event-routes.ts";
import { expertRoutes } from "./expert-routes.ts";
import { loadRoute } from "./load-route.ts";
import { requestIdOf } from "./headers.ts";
import { boundPipelines } from "./in-turn.ts";
import { openAiRoutes } from "./openai-routes.ts";
import { type WorkerView, operatorRoutes } from "./operator-routes.ts";
import { operatorKey } from "./operator-key.ts";
import { orderRoutes } from "./order-routes.ts";
import { solveRoute } from "./solve-route.ts";
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

/** How often connections are looked at that take too long over a request. */
const CHECK_CONNECTIONS_MS = 500;

/** The HTTP side of the gateway, not yet listening. */
export async function httpApp(config: Config, parts: AppParts): Promise<FastifyInstance> {
  const { gateway, controlled, wallClock, operatorSocket } = parts;
  const { http } = config;
  const { meter } = gateway().deck;
  const app = fastify({
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: http.bodyLimitBytes,
    logger: { level: http.logLevel, stream: process.stderr },
    // A logger for each request costs more than its routing; the one line of a failed request names it.
    childLoggerFactory: (logger) => logger,
    keepAliveTimeout: http.keepAliveMs,
    requestTimeout: http.bodyTimeoutMs,
    http: {
      maxHeaderSize: http.maxHeaderBytes,
      headersTimeout: http.headersTimeoutMs,
      connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    },
    clientErrorHandler: (error, socket) => answerMalformed(error, socket),
    // Requests that come while the gateway stops are refused by admission, in OpenAI's shape.
    return503OnClosing: false,
  });

  app.setErrorHandler((error, request, reply) => {
    const { status, retryAfterSeconds, body } = errorAnswer(error);
    if (status >= 500 && !reply.raw.destroyed) request.log.error({ err: error, reqId: request.id });
    if (retryAfterSeconds !== null) reply.header("retry-after", retryAfterSeconds);
    // A stream that broke before its head was sent has left its own type behind.
    reply.removeHeader("content-length").type("application/json; charset=utf-8");
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new HttpError("route_not_found", `There is no route ${request.method} ${request.url}.`);
  });
  app.server.maxConnections = http.maxConnections;
  boundPipelines(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });

  await app.register(async (scope) => openAiRoutes(scope, gateway, config));
  if (operatorSocket !== null) {
    await app.register(async (scope) => relayRoutes(scope, operatorSocket));
    return app;
  }
  await app.register(async (scope) => {
    operatorKey(scope, config.operatorKey);
    expertRoutes(scope, controlled);
    loadRoute(scope, controlled);
    solveRoute(scope, parts.solver);
    eventRoutes(scope, controlled, meter, wallClock);
    orderRoutes(scope, controlled);
    operatorRoutes(scope, parts);
  });
  await app.register(dashboard);
  return app;
}
