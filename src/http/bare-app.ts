import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from "fastify";
import type { Config } from "../config/config.ts";
import type { ListenerTls } from "../config/read-tls.ts";
import { printable } from "../lib/printable.ts";
import type { Gateway } from "../serving/gateway.ts";
import { answerConnect, answerMalformed } from "./answer-malformed.ts";
import { shapeAt } from "./error-shapes.ts";
import { type ErrorAnswer, HttpError, routeNotFound } from "./errors.ts";
import { framingFault } from "./framing-fault.ts";
import { requestIdOf } from "./headers.ts";
import { boundPipelines } from "./in-turn.ts";
import { TlsServers, serverOptions } from "./listening-server.ts";
import { type LogIds, logIds } from "./log-ids.ts";
import { Refusals } from "./refusals.ts";
import { RequestLog } from "./request-log.ts";
import { LINGER_MS, UNAUTHORIZED, sendError } from "./send-error.ts";

/** A response's id has no length of its own; OpenAI's have some 55 characters. */
const LONGEST_ID = 512;

const CLOSE_IDLE_AFTER_MS = 100;

/** Lines of JSON. Foreign text in them must not act on a terminal that shows them. */
const LOG = { write: (line: string) => process.stderr.write(`${printable(line.trimEnd())}\n`) };

/** Fastify loads its compilers of schemas with the first instance where it is not given others. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: noSchema, buildSerializer: noSchema } };

/** An app without routes: what all of them have in common. */
export interface BareApp {
  readonly app: FastifyInstance;
  readonly log: RequestLog;
  readonly refusals: Refusals;
  /** Answers errors of operators' and engines' routes. */
  readonly refuseOperator: (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply;
  /** Null where it speaks unencrypted. */
  readonly servers: TlsServers | null;
}

/** @param tls what it shows; null to speak unencrypted */
export function bareApp({ http }: Config, tls: ListenerTls | null, gateway: () => Gateway): BareApp {
  const log = new RequestLog(http.logLevel);
  const servers = tls === null ? null : new TlsServers(http, tls);
  const transport: FastifyHttpOptions<Server> =
    servers === null
      ? { http: serverOptions(http) }
      : { serverFactory: (handler: RequestListener) => servers.create(handler) };
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
    ...transport,
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
  closeIdleWhenFull(app.server);
  boundPipelines(app);
  app.addHook("onSend", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  return { app, log, refusals, refuseOperator, servers };
}

/** Connections that nobody uses keep out no rank and no probe for long; one that is new has that long for its request. */
function closeIdleWhenFull(server: Server): void {
  let closing: NodeJS.Timeout | null = null;
  server.on("drop", () => {
    closing ??= setTimeout(() => {
      closing = null;
      server.closeIdleConnections();
    }, CLOSE_IDLE_AFTER_MS).unref();
  });
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
  if (answer.status === UNAUTHORIZED) reply.header("www-authenticate", "Bearer");
  if (answer.retryAfterSeconds !== null) reply.header("retry-after", answer.retryAfterSeconds);
  // A stream that broke before its response headers were sent has set its own type.
  reply.removeHeader("content-length").type("application/json; charset=utf-8").code(answer.status);
  return shapeAt(url).body(answer, id);
}
