import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** The body of a chat completion request, as far as these tests look into it. */
export interface ChatBody {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens: number;
  readonly stream: boolean;
  readonly stream_options: { readonly include_usage: boolean };
}

type Script = (body: ChatBody, response: ServerResponse) => void | Promise<void>;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: URL;
  /** The bodies of the requests so far. */
  readonly bodies: readonly ChatBody[];
  /** Their headers and their paths with queries, in the same order. */
  readonly headers: readonly IncomingHttpHeaders[];
  readonly paths: readonly string[];
  /** The sockets that they came by. */
  readonly sockets: ReadonlySet<unknown>;
  /** Requests whose response is open, and the most there have been at once. */
  open: number;
  mostOpen: number;
}

/**
 * A real HTTP server on loopback that lists the models `m1` and `m2` and answers all else as the script says.
 * @param tls its key and certificate, where it speaks HTTPS
 */
export async function scriptedServer(
  script: Script,
  tls?: { readonly key: Buffer; readonly cert: Buffer },
): Promise<ScriptedServer> {
  const bodies: ChatBody[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const paths: string[] = [];
  const sockets = new Set<unknown>();
  const onRequest = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const state: ScriptedServer = {
    url: new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`),
    bodies,
    headers,
    paths,
    sockets,
    open: 0,
    mostOpen: 0,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    if (method === "GET" && url.split("?")[0].endsWith("/v1/models")) {
      response.end(JSON.stringify({ object: "list", data: [{ id: "m1" }, { id: "m2" }] }));
    } else if (method === "POST") {
      state.open++;
      state.mostOpen = Math.max(state.mostOpen, state.open);
      response.once("close", () => state.open--);
      const body = (await json(request)) as ChatBody;
      bodies.push(body);
      headers.push(request.headers);
      paths.push(url);
      sockets.add(request.socket);
      await script(body, response);
    } else {
      response.writeHead(404).end();
    }
  }
  return state;
}

/** Streams `max_tokens` frames of content, one a millisecond, then the finish, the usage and `[DONE]`. */
export async function stream(body: ChatBody, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  sendFrame(response, { choices: [{ index: 0, delta: { role: "assistant", content: "" } }] });
  for (let token = 0; token < body.max_tokens; token++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    sendFrame(response, { choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }] });
  }
  sendFrame(response, { choices: [{ index: 0, delta: {}, finish_reason: "length" }] });
  sendFrame(response, {
    choices: [],
    usage: {
      prompt_tokens: body.messages[0].content.split(" ").length,
      completion_tokens: body.max_tokens,
    },
  });
  response.end("data: [DONE]\n\n");
}

export function sendFrame(response: ServerResponse, frame: unknown): void {
  response.write(`data: ${JSON.stringify(frame)}\n\n`);
}
