import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "../config/config.ts";
import type { Gateway } from "../serving/gateway.ts";
import { requestFacts } from "../serving/request/request-facts.ts";
import { BodyScan } from "../serving/request/scan-body.ts";
import type { BodyMemory, HeldBody } from "./body-memory.ts";
import { ClientResponse } from "./client-response.ts";
import { forwardedHeaders } from "./headers.ts";
import { inTurn } from "./in-turn.ts";
import type { LastFrame } from "./last-frames.ts";
import { readBody } from "./read-body.ts";
import type { OriginReader } from "./request-origin.ts";
import { sendError } from "./send-error.ts";

export interface ProxyParts {
  readonly gateway: Gateway;
  readonly origins: OriginReader;
  readonly http: Config["http"];
  readonly memory: BodyMemory;
  readonly lastFrame: LastFrame;
}

/** Reads a request whole and sends it on; the answer comes back as the engine gives it. */
export function proxy(
  parts: ProxyParts,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): void {
  const refuse = (error: unknown) => sendError(response, error, requestId);
  const scan = new BodyScan();
  const send = (body: Buffer, held: HeldBody) => {
    try {
      const facts = requestFacts(body, parts.origins.read(request.headers), scan.end());
      const upstream = {
        method: "POST",
        path: pathOf(request.url as string),
        headers: forwardedHeaders(request.rawHeaders, request.headers.connection, requestId),
        body: facts.body,
        asksForExperts: facts.routedExperts,
      } as const;
      const client = new ClientResponse(response, requestId, parts.lastFrame, parts.http.clientStallMs, held);
      client.follow(parts.gateway.send(facts, upstream, client));
    } catch (error) {
      held.release();
      refuse(error);
    }
  };
  const terms = { limitBytes: parts.http.bodyLimitBytes, memory: parts.memory, reader: scan };
  inTurn(response, () => readBody(request, response, terms, send, refuse));
}

/** A client may name the server in its target, as to a forward proxy; the engine is asked for the path alone. */
function pathOf(target: string): string {
  return target.startsWith("/") ? target : target.replace(/^[^/]*\/\/[^/?#]*/, "");
}
