import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { decodeText } from "../formats/json.ts";
import { nestsDeeperThan } from "../formats/json-depth.ts";
import { InputError } from "../lib/errors.ts";
import { BodyMemory, type HeldBody } from "./body-memory.ts";
import type { BodyTerms } from "./collected-body.ts";
import { readBody } from "./read-body.ts";
import { ReadingTurns } from "./reading-turns.ts";

/** Of a body of operators and engines, where a route does not say otherwise: it is read on the event loop. */
export const CONTROL_BODY_BYTES = 64 * 1024;
/** For all bodies of such routes that arrive, or wait for the solver: clients of the API cannot take it. */
const CONTROL_MEMORY_BYTES = 64 * 1024 * 1024;
/** No route takes JSON that nests deeper than a list of lists in a list of objects. */
const DEEPEST = 8;

export interface ControlBodyTerms {
  readonly memory: BodyMemory;
  readonly limitOf: (request: FastifyRequest) => number;
  /** Makes the route's body of the bytes; what it throws refuses the request. */
  readonly read: (bytes: Buffer, request: FastifyRequest, held: HeldBody) => unknown;
}

export function controlMemory(): BodyMemory {
  return new BodyMemory(CONTROL_MEMORY_BYTES);
}

/**
 * Has the bodies of the routes of `app` read within these terms, in place of Fastify's own reading: no body grows over
 * its limit, nor all of them over the memory, and small ones always find room.
 * @param types the content types that are read; others are answered 415
 */
export function controlBodies(
  app: FastifyInstance,
  types: "*" | string[],
  { memory, limitOf, read }: ControlBodyTerms,
): void {
  const turns = new ReadingTurns();
  app.removeAllContentTypeParsers();
  // The hook reads the body, which knows the response: the bytes are held no longer than that.
  app.addContentTypeParser(types, (_request, _payload, done) => done(null));
  app.addHook("preHandler", async (request, reply) => {
    if (!hasBody(request)) return;
    const [bytes, held] = await wholeBody(request, reply, {
      limitBytes: limitOf(request),
      memory,
      turns,
      reader: null,
    });
    request.body = read(bytes, request, held);
  });
}

/** @throws InputError for what is no JSON in UTF-8, or nests too deep; Fastify's errors for a prototype in it */
export function jsonReader(app: FastifyInstance): ControlBodyTerms["read"] {
  const parse = app.getDefaultJsonParser("error", "error");
  return (bytes, request, held) => {
    const text = decodeText(bytes, "body");
    held.release();
    if (nestsDeeperThan(DEEPEST, text))
      throw new InputError("body", "", `nests deeper than ${DEEPEST} levels`);
    return parsed(parse, request, text);
  };
}

/** Fastify's parser calls back at once. */
function parsed(
  parse: ReturnType<FastifyInstance["getDefaultJsonParser"]>,
  request: FastifyRequest,
  text: string,
) {
  let value: unknown;
  let fault: Error | null = null;
  void parse(request, text, (error, body: unknown) => {
    fault = error;
    value = body;
  });
  if (fault !== null) throw fault as Error;
  return value;
}

function hasBody({ method, headers }: FastifyRequest): boolean {
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Never settles when the client goes away before its end. */
function wholeBody(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  terms: BodyTerms,
): Promise<[Buffer, HeldBody]> {
  const { promise, resolve, reject } = Promise.withResolvers<[Buffer, HeldBody]>();
  const done = (bytes: Buffer, held: HeldBody) => resolve([bytes, held]);
  readBody(raw, reply.raw, terms, done, reject);
  return promise;
}
