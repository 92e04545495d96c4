import type { FastifyInstance } from "fastify";
import { ownVersion } from "../../files/own-version.ts";
import { openApiDocument } from "./document.ts";

/** `GET /openapi.json`: the description of the API, for everybody. */
export function openApiRoute(app: FastifyInstance): void {
  let text: string | null = null;
  app.get("/openapi.json", (_request, reply) => {
    text ??= JSON.stringify(openApiDocument(ownVersion()));
    return reply.type("application/json; charset=utf-8").send(text);
  });
}
