import type { ServerResponse } from "node:http";
import { errorAnswer } from "./errors.ts";

const UNAVAILABLE = 503;

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
  const { req: request } = response;
  // What of the request is still to come is not read.
  if (!request.complete) headers.push("connection", "close");
  response.writeHead(status, headers);
  if (request.complete || status !== UNAVAILABLE) return void response.end(text);
  // It is not the client's fault: what it still sends, while a request may last, is thrown away, so that it reads this.
  response.write(text);
  request.once("end", () => response.end());
  request.resume();
}
