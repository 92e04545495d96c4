import type { ServerResponse } from "node:http";
import type { HeaderList } from "../serving/engine.ts";
import type { ErrorShape } from "./error-shapes.ts";
import type { ErrorAnswer } from "./errors.ts";

/** What the gateway itself says with an answer. */
export interface Answering {
  readonly requestId: string;
  readonly shape: ErrorShape;
  /** Names and values in turn; empty where the engines say it. */
  readonly cors: HeaderList;
}

/** Answers a request that Fastify has let go of. */
export function sendError(
  response: ServerResponse,
  answer: ErrorAnswer,
  { requestId, shape, cors }: Answering,
): void {
  if (response.destroyed) return;
  // It fails after it has begun: only breaking off says so.
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
  // What of the request is still to come is not read.
  if (!response.req.complete) headers.push("connection", "close");
  response.writeHead(answer.status, headers);
  response.end(text);
}
