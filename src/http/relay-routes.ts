import { type ClientRequest, request as ask } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { shapeAt } from "./error-shapes.ts";
import { HttpError } from "./errors.ts";
import { logIds } from "./log-ids.ts";
import { PEER_HEADER } from "./peer.ts";
import type { Refusals } from "./refusals.ts";
import { LINGER_MS, endLater, sendError } from "./send-error.ts";

/** Other routes are answered by the process that listens on this socket. @param paths which */
export function relayRoutes(
  app: FastifyInstance,
  socketPath: string,
  refusals: Refusals,
  paths: readonly string[],
): void {
  const inFlight = new Set<ClientRequest>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  const relay = (request: FastifyRequest, reply: FastifyReply) => {
    const { raw: from } = request;
    const to = reply.hijack().raw;
    // Whoever the client says it is: the primary asks by this header whether it may have an answer.
    const headers = { ...from.headers, [PEER_HEADER]: from.socket.remoteAddress ?? "" };
    const asked = ask({ socketPath, method: from.method, path: from.url, headers });
    inFlight.add(asked);
    asked.once("close", () => inFlight.delete(asked));
    asked.once("error", () => {
      const answering = { requestId: request.id, shape: shapeAt(request.url), cors: [] };
      sendError(to, refusals.answer(unreachable(), logIds(request.id, from, null)), answering);
    });
    asked.once("response", (answer) => {
      answer.once("error", () => to.destroy());
      to.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(to, { end: false });
      answer.once("end", () => {
        if (from.complete) to.end();
        else endLater(from, to, LINGER_MS);
      });
    });
    to.once("close", () => asked.destroy());
    from.pipe(asked);
  };
  for (const path of paths) app.all(path, relay);

  // Some answers have no end of their own.
  app.addHook("preClose", async () => {
    for (const asked of inFlight) asked.destroy();
  });
}

function unreachable(): HttpError {
  return new HttpError(
    "primary_unreachable",
    "The process that answers operators and engines is gone; try again.",
  );
}
