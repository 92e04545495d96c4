import type { FastifyBaseLogger } from "fastify";
import { EngineUnreachable } from "../serving/engine.ts";
import { type ErrorAnswer, errorAnswer } from "./errors.ts";
import type { LogIds } from "./log-ids.ts";

/** Answers to requests that are not sent to an engine: each is counted, and logged where its message says so. */
export class Refusals {
  readonly #log: FastifyBaseLogger;
  readonly #count: (reason: string) => void;

  constructor(log: FastifyBaseLogger, count: (reason: string) => void) {
    this.#log = log;
    this.#count = count;
  }

  answer(error: unknown, ids: LogIds): ErrorAnswer {
    const answer = errorAnswer(error);
    const { reason } = answer.body.error;
    this.#count(reason);
    if (reason === "internal") this.#log.error({ err: error, ...ids });
    return answer;
  }

  /** A request failed by an engine: which one, and by what code, stands only in the log. */
  failed(error: Error, ids: LogIds): void {
    const fault = error instanceof EngineUnreachable ? error : error.cause;
    if (fault instanceof EngineUnreachable) this.#log.warn({ ...ids }, fault.message);
  }
}
