import type { IncomingMessage, ServerResponse } from "node:http";
import type { HeaderList } from "../serving/engine.ts";
import type { ErrorShape } from "./error-shapes.ts";
import type { ErrorAnswer } from "./errors.ts";

/** What the gateway itself adds to an answer. */
export interface Answering {
  readonly requestId: string;
  readonly shape: ErrorShape;
  /** Names and values in turn; empty where the engines send them. */
  readonly cors: HeaderList;
  /** How far its tenant's rates are used up, when it is written; missing where the tenant has no limit. */
  readonly rates?: () => HeaderList;
}

/** How long a refused client may still send before its connection is closed, so that it reads the answer. */
export const LINGER_MS = 2000;
/** So much of it is dropped; what follows is left unread. */
const LINGER_BYTES = 1024 * 1024;

export const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const UNAVAILABLE = 503;
const TIMED_OUT = 504;

/** How long a client may go on sending what is dropped. */
function lingerOf({ status }: ErrorAnswer): number {
  // Not the client's fault: it may send all that it has, within the time of a request.
  if (status === UNAVAILABLE) return Number.POSITIVE_INFINITY;
  // It is refused before its body has come, and has to read why.
  return status === UNAUTHORIZED || status === FORBIDDEN ? LINGER_MS : 0;
}

/**
 * Answers a request that Fastify has handed over.
 * @param lingerMs how long the client of a request that has not come whole has to read the answer: a connection that is
 *                 closed on unread bytes is reset, and what was on its way to the client may be lost
 */
export function sendError(
  response: ServerResponse,
  answer: ErrorAnswer,
  { requestId, shape, cors, rates }: Answering,
  lingerMs: number = lingerOf(answer),
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
  if (rates !== undefined) headers.push(...rates());
  if (answer.retryAfterSeconds !== null) headers.push("retry-after", `${answer.retryAfterSeconds}`);
  if (answer.status === UNAUTHORIZED) headers.push("www-authenticate", "Bearer");
  // OpenAI's and Anthropic's clients would ask again twice, for as long each time.
  if (answer.status === TIMED_OUT) headers.push("x-should-retry", "false");
  const { req: request } = response;
  // The rest of the request is not read.
  if (!request.complete) headers.push("connection", "close");
  response.writeHead(answer.status, headers);
  if (request.complete || lingerMs === 0) return void response.end(text);
  response.write(text);
  endLater(request, response, lingerMs);
}

/**
 * Ends an answer that is written when its request has come to its end, or its client has had time to read it.
 * @param lingerMs Infinity for as long as a request may take, all of which is dropped then
 */
export function endLater(request: IncomingMessage, response: ServerResponse, lingerMs: number): void {
  const end = () => response.end();
  request.once("end", end);
  request.resume();
  if (lingerMs === Number.POSITIVE_INFINITY) return;
  let dropped = 0;
  request.on("data", (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > LINGER_BYTES) request.pause();
  });
  const timer = setTimeout(end, lingerMs);
  response.once("close", () => clearTimeout(timer));
}
