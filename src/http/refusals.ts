import type { FastifyBaseLogger } from "fastify";
import { EngineUnreachable } from "../serving/engine.ts";
import { type ErrorAnswer, errorAnswer } from "./errors.ts";

/** Answers to requests that are not sent to an engine: each is counted, and logged where its message says so. */
export class Refusals {
  readonly #log: FastifyBaseLogger;
  readonly #count: (reason: string) => void;

  constructor(log: FastifyBaseLogger, count: (reason: string) => void) {
    this.#log = log;
    this.#count = count;
  }

  answer(error: unknown, requestId: string): ErrorAnswer {
    const answer = errorAnswer(error);
    const { reason } = answer.body.error;
    this.#count(reason);
    if (reason === "internal") this.#log.error({ err: error, reqId: requestId });
    return answer;
  }

  /** A request failed by an engine: which one, and by what code, stands only in the log. */
  failed(error: Error, requestId: string): void {
    const fault = error instanceof EngineUnreachable ? error : error.cause;
    if (fault instanceof EngineUnreachable) this.#log.warn({ reqId: requestId }, fault.message);
  }
}
