import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "../config/config.ts";
import type { Gateway } from "../serving/gateway.ts";
import { requestFacts } from "../serving/request/request-facts.ts";
import { ClientResponse } from "./client-response.ts";
import { forwardedHeaders } from "./headers.ts";
import { inTurn } from "./in-turn.ts";
import type { LastFrame } from "./last-frames.ts";
import { readBody } from "./read-body.ts";
import type { OriginReader } from "./request-origin.ts";
import { sendError } from "./send-error.ts";

export interface ProxyParts {
  /** The one that takes requests now: while a body arrives, a reload may put another in its place. */
  readonly gateway: () => Gateway;
  readonly origins: OriginReader;
  readonly http: Config["http"];
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
  const send = (body: Buffer) => {
    try {
      const facts = requestFacts(body, parts.origins.read(request.headers));
      const headers = forwardedHeaders(request.rawHeaders, request.headers.connection, requestId);
      const upstream = { method: "POST", path: pathOf(request.url as string), headers, body } as const;
      const client = new ClientResponse(response, requestId, parts.lastFrame, parts.http.clientStallMs);
      const start = () => {
        try {
          client.follow(parts.gateway().send(facts, upstream, client));
        } catch (error) {
          refuse(error);
        }
      };
      const lookUp = parts.gateway().lookUp(facts);
      if (lookUp === null) start();
      // The client may have left meanwhile.
      else void lookUp.then(() => response.destroyed || start());
    } catch (error) {
      refuse(error);
    }
  };
  inTurn(response, () => readBody(request, parts.http.bodyLimitBytes, send, refuse));
}

/** A client may name the server in its target, as to a forward proxy; the engine is asked for the path alone. */
function pathOf(target: string): string {
  return target.startsWith("/") ? target : target.replace(/^[^/]*\/\/[^/?#]*/, "");
}
