import { type FastifyInstance, fastify } from "fastify";
import type { Config } from "../config/config.ts";
import type { SnapshotStore } from "../control/snapshot-store.ts";
import type { Gateway } from "../serving/gateway.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { dashboard } from "./dashboard.ts";
import { HttpError, errorAnswer } from "./errors.ts";
import { eventRoutes } from "./event-routes.ts";
import { expertRoutes } from "./expert-routes.ts";
import { requestIdOf } from "./headers.ts";
import { openAiRoutes } from "./openai-routes.ts";
import { operatorRoutes } from "./operator-routes.ts";

export interface AppParts {
  readonly gateway: Gateway;
  readonly controlled: readonly ControlledPool[];
  readonly store: SnapshotStore;
  readonly metricsText: () => Promise<string>;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** The HTTP side of the gateway, not yet listening. */
export async function httpApp(config: Config["http"], parts: AppParts): Promise<FastifyInstance> {
  const { gateway, controlled, store, metricsText, wallClock } = parts;
  const app = fastify({
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: config.bodyLimitBytes,
    logger: { level: config.logLevel, stream: process.stderr },
    // Requests that come while the gateway stops are refused by admission, in OpenAI's shape.
    return503OnClosing: false,
  });

  app.setErrorHandler((error, request, reply) => {
    const { status, retryAfterSeconds, body } = errorAnswer(error);
    if (status >= 500 && !reply.raw.destroyed) request.log.error(error);
    if (retryAfterSeconds !== null) reply.header("retry-after", retryAfterSeconds);
    // A stream that broke before its head was sent has left its own type behind.
    reply.removeHeader("content-length").type("application/json; charset=utf-8");
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new HttpError("route_not_found", `There is no route ${request.method} ${request.url}.`);
  });
  // While the server closes, a connection that has delivered its last response must not linger.
  app.addHook("onResponse", async () => {
    if (gateway.admission.stopped) setImmediate(() => app.server.closeIdleConnections());
  });

  await app.register(async (scope) => openAiRoutes(scope, gateway));
  await app.register(async (scope) => {
    expertRoutes(scope, controlled);
    eventRoutes(scope, controlled, store, gateway.meter, wallClock);
    operatorRoutes(scope, gateway, controlled, metricsText);
  });
  await app.register(dashboard);
  return app;
}
