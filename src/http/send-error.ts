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

const UNAVAILABLE = 503;
const TIMED_OUT = 504;

/** Answers a request that Fastify has handed over. */
export function sendError(
  response: ServerResponse,
  answer: ErrorAnswer,
  { requestId, shape, cors }: Answering,
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
  if (request.complete || answer.status !== UNAVAILABLE) return void response.end(text);
  // Not the client's fault: what it still sends, within the time of a request, is dropped, so that it reads this
  // answer.
  response.write(text);
  request.once("end", () => response.end());
  request.resume();
}
