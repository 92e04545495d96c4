import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { HttpError } from "./errors.ts";

/** Probes and scrapers of a gateway have no key. */
const KEYLESS = new Set(["/health", "/ready", "/metrics"]);

/**
 * Answers the routes of `app` only to those who send the key as a bearer token.
 * @param key null to answer everybody
 */
export function operatorKey(app: FastifyInstance, key: string | null): void {
  if (key === null) return;
  const wanted = digest(`Bearer ${key}`);
  app.addHook("onRequest", async (request) => {
    if (KEYLESS.has(request.routeOptions.url ?? "")) return;
    if (!timingSafeEqual(digest(request.headers.authorization ?? ""), wanted))
      throw new HttpError("unauthorized", "This route wants the key of operators as a bearer token.");
  });
}

/** Of one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
