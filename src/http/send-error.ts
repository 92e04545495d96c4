import type { ServerResponse } from "node:http";
import { errorAnswer } from "./errors.ts";

/** Answers a request that Fastify has let go of. */
export function sendError(response: ServerResponse, error: unknown, requestId: string): void {
  if (response.destroyed) return;
  const { status, retryAfterSeconds, body } = errorAnswer(error);
  const text = JSON.stringify(body);
  const headers = [
    "content-type",
    "application/json; charset=utf-8",
    "content-length",
    `${Buffer.byteLength(text)}`,
    "x-request-id",
    requestId,
  ];
  if (retryAfterSeconds !== null) headers.push("retry-after", `${retryAfterSeconds}`);
  // What of the request is still to come is not read.
  if (!response.req.complete) headers.push("connection", "close");
  response.writeHead(status, headers);
  response.end(text);
}
