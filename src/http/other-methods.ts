import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from "fastify";
import { HttpError } from "./errors.ts";

const METHODS: readonly HTTPMethods[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/**
 * Watches which routes `app` gets from now on.
 * @returns what answers 405 at their paths for every method they lack, to be called once all are there
 */
export function otherMethods(app: FastifyInstance): () => void {
  const known = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    known.set(url, methods);
    for (const one of [method].flat()) methods.add(one);
  });
  return () => {
    for (const [url, methods] of known) {
      const others = METHODS.filter((method) => !methods.has(method));
      if (url.endsWith("*") || others.length === 0) continue;
      const allowed = [...methods].filter((method) => method !== "OPTIONS");
      const onRequest = async (request: FastifyRequest, reply: FastifyReply) =>
        refuseMethod(request, reply, allowed);
      app.route({ method: others, url, onRequest, handler: unreached });
    }
  };
}

/** @throws HttpError always */
export function refuseMethod(
  { method }: FastifyRequest,
  reply: FastifyReply,
  allowed: readonly string[],
): never {
  const methods = allowed.join(", ");
  reply.header("allow", methods);
  throw new HttpError("method_not_allowed", `This route takes ${methods}, not ${method}.`);
}

function unreached(): void {}
