import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

export interface ResponseServer {
  readonly url: string;
  /** The ids it keeps. */
  readonly kept: Set<string>;
  /** Method and path of what it was asked about responses. */
  readonly asked: string[];
  stop(): Promise<void>;
}

interface Body {
  readonly stream?: boolean;
  readonly previous_response_id?: string;
  readonly request_id?: string;
  readonly store?: boolean;
}

/**
 * Lists the model `m`, and keeps the responses that it gives in memory, as vLLM, SGLang and TensorRT-LLM do, under the id
 * that a request names.
 */
export async function responseServer(name: string): Promise<ResponseServer> {
  const kept = new Set<string>();
  const asked: string[] = [];
  let given = 0;
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    if (url === "/health") return void response.end();
    if (url === "/v1/models")
      return send(response, 200, { object: "list", data: [{ id: "m", object: "model" }] });
    asked.push(`${method} ${url}`);
    if (method === "POST" && url === "/v1/responses") return create((await json(request)) as Body, response);
    const id = decodeURIComponent(url.split("/")[3] ?? "");
    if (!kept.has(id))
      return send(response, 404, { error: { message: `Response with id '${id}' not found.` } });
    if (method === "DELETE") kept.delete(id);
    send(response, 200, { id, object: "response", server: name });
  }

  function create(body: Body, response: ServerResponse): void {
    const { stream, previous_response_id: previous, store } = body;
    if (previous !== undefined && !kept.has(previous))
      return send(response, 404, { error: { message: `Response with id '${previous}' not found.` } });
    const id = body.request_id ?? `resp_${name}_${given++}_`;
    if (store !== false) kept.add(id);
    if (stream !== true) return send(response, 200, { id, object: "response", output: [{ id: "msg_1" }] });
    response.writeHead(200, { "content-type": "text/event-stream" });
    const created = { type: "response.created", response: { id, object: "response" } };
    response.end(`event: response.created\ndata: ${JSON.stringify(created)}\n\n`);
  }

  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${port}`, kept, asked, stop };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
