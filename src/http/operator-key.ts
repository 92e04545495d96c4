import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { HttpError } from "./errors.ts";

/** What says whether a gateway lives is asked by those who have no key. */
const OPEN = new Set(["/health", "/ready", "/metrics"]);

/**
 * Lets only those who have the key ask the routes of `app`, as a bearer token.
 * @param key null to let everybody
 */
export function operatorKey(app: FastifyInstance, key: string | null): void {
  if (key === null) return;
  const wanted = digest(`Bearer ${key}`);
  app.addHook("onRequest", async (request) => {
    if (OPEN.has(request.routeOptions.url ?? "")) return;
    if (!timingSafeEqual(digest(request.headers.authorization ?? ""), wanted))
      throw new HttpError("unauthorized", "This route wants the key of operators as a bearer token.");
  });
}

/** Of one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
