import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { EngineUnreachable } from "../serving/engine.ts";
import type { Gateway, Served } from "../serving/gateway.ts";
import { requestFacts } from "../serving/request-facts.ts";
import { errorAnswer } from "./errors.ts";
import { FrameRelay } from "./frame-relay.ts";
import { forwardedHeaders, returnedHeaders } from "./headers.ts";

const PROXIED = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"];
const NO_BODY = Buffer.alloc(0);

/** The routes of an OpenAI-compatible server, answered by the pools behind the gateway. */
export function openAiRoutes(app: FastifyInstance, gateway: Gateway): void {
  // Bodies stay bytes: they are parsed once for what the gateway must know, and relayed as they came.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  app.get("/v1/models", async () => ({ object: "list", data: await gateway.models() }));
  for (const path of PROXIED) app.post(path, (request, reply) => proxy(gateway, request, reply));
}

async function proxy(gateway: Gateway, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const body = (request.body as Buffer | undefined) ?? NO_BODY;
  const facts = requestFacts(body);

  const gone = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  const upstream = {
    method: "POST",
    path: request.url,
    headers: forwardedHeaders(request.headers, request.id),
    body,
  } as const;
  const served = await gateway.forward(facts, upstream, gone.signal);

  reply.code(served.response.status);
  reply.headers(returnedHeaders(served.response.headers));
  reply.headers({
    "x-plimsoll-shard": served.shard.id,
    "x-plimsoll-epoch": served.epoch,
    "x-request-id": request.id,
  });
  if (!isEventStream(served)) return reply.send(served.response.body);
  // A stream that breaks off is longer than it was said to be.
  reply.removeHeader("content-length");
  return reply.send(framed(served));
}

/** The body in whole frames, measured; a break upstream becomes a last frame that says so. */
function framed({ response, shard, timing }: Served): FrameRelay {
  const { body } = response;
  const relay = new FrameRelay(() => timing.contentFrame());
  body.on("error", () => {
    const fault = new EngineUnreachable(`Shard ${shard.id} broke off the stream.`, { mayHaveBegun: true });
    const { body: said } = errorAnswer(fault);
    relay.breakOff(`data: ${JSON.stringify(said)}\n\n`);
  });
  relay.once("close", () => body.destroy());
  return body.pipe(relay);
}

function isEventStream({ response }: Served): boolean {
  const { "content-type": type, "content-encoding": encoding } = response.headers;
  return typeof type === "string" && type.startsWith("text/event-stream") && encoding === undefined;
}
