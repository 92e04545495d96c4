import type { FastifyInstance } from "fastify";
import type { Config } from "../config/config.ts";
import type { Gateway } from "../serving/gateway.ts";
import { BodyMemory } from "./body-memory.ts";
import { type LastFrame, chatLastFrame, messagesLastFrame, responsesLastFrame } from "./last-frames.ts";
import { proxy } from "./proxy.ts";
import { OriginReader } from "./request-origin.ts";

/** The routes that engines answer, and how a stream that breaks is ended there. */
const PROXIED: readonly (readonly [path: string, lastFrame: LastFrame])[] = [
  ["/v1/chat/completions", chatLastFrame],
  ["/v1/completions", chatLastFrame],
  ["/v1/embeddings", chatLastFrame],
  ["/v1/responses", responsesLastFrame],
  ["/v1/messages", messagesLastFrame],
  ["/v1/messages/count_tokens", chatLastFrame],
  ["/v1/rerank", chatLastFrame],
  ["/v2/rerank", chatLastFrame],
  ["/rerank", chatLastFrame],
  ["/v1/score", chatLastFrame],
  ["/score", chatLastFrame],
  ["/classify", chatLastFrame],
  ["/v1/classify", chatLastFrame],
  ["/pooling", chatLastFrame],
  ["/tokenize", chatLastFrame],
  ["/v1/tokenize", chatLastFrame],
  ["/detokenize", chatLastFrame],
  ["/v1/detokenize", chatLastFrame],
  ["/generate", chatLastFrame],
];

/** The routes of an OpenAI-compatible server, answered by the pools behind the gateway. */
export function openAiRoutes(
  app: FastifyInstance,
  gateway: () => Gateway,
  { http, tenancy }: Pick<Config, "http" | "tenancy">,
): void {
  const origins = new OriginReader(tenancy);
  // One body of the largest size always has room.
  const memory = new BodyMemory(Math.max(http.bodyMemoryBytes, http.bodyLimitBytes));
  app.get("/v1/models", async () => ({ object: "list", data: await gateway().models() }));
  for (const [path, lastFrame] of PROXIED) {
    app.route({
      method: "POST",
      url: path,
      // Fastify has found the route and named the request; its own reading and writing of bodies would be in the way.
      onRequest: (request, reply) => {
        reply.hijack();
        proxy({ gateway: gateway(), origins, http, memory, lastFrame }, request.raw, reply.raw, request.id);
      },
      handler: unreached,
    });
  }
}

function unreached(): void {}
