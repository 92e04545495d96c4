import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface ServerAt extends AsyncDisposable {
  readonly port: number;
  /** What every request carried, oldest first. */
  readonly seen: readonly IncomingMessage[];
}

/** Answers what lists no models; by default a completion that is over at once. */
export type AnswerAt = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const complete: AnswerAt = (_, response) => void response.end('{"choices":[]}');

/** A server of the model `small` in this process, at any address of this machine. @param tls null for plain HTTP */
export async function serverAt(
  host: string,
  port: number,
  answer: AnswerAt = complete,
  tls: Parameters<typeof createTlsServer>[0] | null = null,
): Promise<ServerAt> {
  const seen: IncomingMessage[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    seen.push(request);
    const body = await text(request);
    if (request.url !== "/v1/models") return answer(request, response, body);
    response.end('{"object":"list","data":[{"id":"small","object":"model"}]}');
  };
  const hear = (request: IncomingMessage, response: ServerResponse) => void serve(request, response);
  const server = tls === null ? createServer(hear) : createTlsServer(tls, hear);
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
