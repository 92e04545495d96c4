import type { FastifyRequest } from "fastify";
import { InputError } from "../lib/errors.ts";
import { HttpError } from "./errors.ts";

/** A longer wait is cut short: what lies between might drop a connection that says nothing. */
const MOST_SECONDS = 60;

/** Two for each of the ranks of the largest pools there are, and as many again. */
const MOST_WAITING = 4096;

/** Requests that wait for something to change. */
export class LongPolls {
  readonly #waiting = new Set<() => void>();

  /**
   * Resolves when `changed` says so, asked at every call of what `onChange` was given; after the seconds that the
   * request's query asks for in `wait` (none: at once); when its client is gone; and when all are ended.
   * @throws InputError when `wait` is no number of seconds; HttpError when as many wait as may
   */
  async wait(
    request: FastifyRequest,
    onChange: (listener: () => void) => () => void,
    changed: () => boolean,
  ): Promise<void> {
    const seconds = waitOf(request.query);
    if (seconds === 0 || changed()) return;
    if (this.#waiting.size === MOST_WAITING)
      throw new HttpError(
        "overloaded",
        `The gateway is overloaded: ${MOST_WAITING} requests wait for a change.`,
      );
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = onChange(() => {
      if (changed()) resolve();
    });
    const timer = setTimeout(resolve, Math.min(seconds, MOST_SECONDS) * 1000);
    request.raw.socket.once("close", resolve);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    request.raw.socket.off("close", resolve);
    clearTimeout(timer);
    stop();
  }

  end(): void {
    for (const resolve of this.#waiting) resolve();
  }
}

function waitOf(query: unknown): number {
  const text = (query as Record<string, unknown>)["wait"];
  if (text === undefined) return 0;
  const seconds = typeof text === "string" && text !== "" ? Number(text) : Number.NaN;
  if (seconds >= 0) return seconds;
  throw new InputError("query", "wait", `is ${JSON.stringify(text)}; expected seconds ≥ 0`);
}
