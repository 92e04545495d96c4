import type { IncomingMessage, ServerResponse } from "node:http";
import type { HeldBody } from "./body-memory.ts";
import { type BodyTerms, CollectedBody } from "./collected-body.ts";

/**
 * Collects a request's body, as CollectedBody says. Of one that is refused the rest is not read. When the client goes away
 * before its end, nothing is called. The body's memory is held until `release` or the end of the response, whichever comes
 * first.
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  terms: BodyTerms,
  done: (body: Buffer, held: HeldBody) => void,
  refused: (error: unknown) => void,
): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  const excess = CollectedBody.excess(announced, terms.limitBytes);
  if (excess !== null) return refused(excess);
  const body = new CollectedBody(terms, announced, request, (error) => {
    request.off("data", take);
    request.off("end", end);
    refused(error);
  });
  const take = (chunk: Buffer) => body.take(chunk);
  const end = () => {
    const whole = body.end();
    if (whole !== null) done(whole, body.held);
  };
  response.on("close", () => body.held.release());
  request.on("data", take);
  request.on("end", end);
}
