import type { IncomingMessage } from "node:http";
import { type FastifyReply, type FastifyRequest, LogController } from "fastify";
import type { Config } from "../config/config.ts";
import type { RequestTrace } from "../serving/tracing/request-trace.ts";
import { type LogIds, logIds } from "./log-ids.ts";

/** Fastify's two lines for each request, with what others find it by: at the log levels that have them. */
export class RequestLog extends LogController {
  readonly #on: boolean;
  readonly #traces = new WeakMap<IncomingMessage, RequestTrace>();

  constructor(level: Config["http"]["logLevel"]) {
    super();
    this.#on = level === "info" || level === "debug";
  }

  /** It is traced: the lines that follow say where. */
  traced(request: IncomingMessage, trace: RequestTrace): void {
    if (this.#on) this.#traces.set(request, trace);
  }

  override incomingRequest(request: FastifyRequest): void {
    if (this.#on) request.log.info({ ...this.#idsOf(request), req: request }, "incoming request");
  }

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const err = error ?? null;
    if (!this.#on && err === null) return;
    const line = { ...this.#idsOf(request), res: reply, responseTime: reply.elapsedTime };
    if (err === null) reply.log.info(line, "request completed");
    else reply.log.error({ ...line, err }, "request errored");
  }

  #idsOf({ id, raw }: FastifyRequest): LogIds {
    return logIds(id, raw, this.#traces.get(raw) ?? null);
  }
}
