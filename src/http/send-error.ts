import type { ServerResponse } from "node:http";
import type { HeaderList } from "../serving/engine.ts";
import type { ErrorShape } from "./error-shapes.ts";
import type { ErrorAnswer } from "./errors.ts";

/** What the gateway itself adds to an answer. */
export interface Answering {
  readonly requestId: string;
  readonly shape: ErrorShape;
  /** Names and values in turn; empty where the engines send them. */
  readonly cors: HeaderList;
}

/** What a client still sends after it was refused is dropped so long, so that it reads the answer. */
export const LINGER_MS = 2000;

const UNAVAILABLE = 503;
const TIMED_OUT = 504;

/**
 * Answers a request that Fastify has handed over.
 * @param lingerMs how long the rest of a request that has not come whole is dropped before the connection is closed: a
 *                 connection closed on unread bytes is reset, and its client may never read the answer
 */
export function sendError(
  response: ServerResponse,
  answer: ErrorAnswer,
  { requestId, shape, cors }: Answering,
  // Not the client's fault: it may send all that it has, within the time of a request.
  lingerMs: number = answer.status === UNAVAILABLE ? Number.POSITIVE_INFINITY : 0,
): void {
  if (response.destroyed) return;
  // The response has begun: only closing the connection shows that it failed.
  if (response.headersSent) return void response.destroy();
  const text = JSON.stringify(shape.body(answer, requestId));
  const headers = [
    "content-type",
    "application/json; charset=utf-8",
    "content-length",
    `${Buffer.byteLength(text)}`,
    "x-request-id",
    requestId,
    ...cors,
  ];
  if (answer.retryAfterSeconds !== null) headers.push("retry-after", `${answer.retryAfterSeconds}`);
  // OpenAI's and Anthropic's clients would ask again twice, for as long each time.
  if (answer.status === TIMED_OUT) headers.push("x-should-retry", "false");
  const { req: request } = response;
  // The rest of the request is not read.
  if (!request.complete) headers.push("connection", "close");
  response.writeHead(answer.status, headers);
  if (request.complete || lingerMs === 0) return void response.end(text);
  response.write(text);
  const end = () => response.end();
  request.once("end", end);
  request.resume();
  if (lingerMs === Number.POSITIVE_INFINITY) return;
  const timer = setTimeout(end, lingerMs);
  response.once("close", () => clearTimeout(timer));
}
