import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { type WireRequest, readRequest } from "./wire-messages.ts";

export interface WireEngine extends AsyncDisposable {
  readonly url: string;
  /** What came, but for the gateway's own questions. */
  readonly requests: readonly WireRequest[];
  /** What came that a strict reader does not take for a request. */
  readonly faults: readonly string[];
  clear(): void;
}

/** Answers one request. */
export type WireScript = (request: WireRequest, socket: Socket) => void;

const LISTED = '{"object":"list","data":[{"id":"small"}]}';

/** An engine that reads every byte strictly, serves the model `small`, and answers as the script writes. */
export async function wireEngine(
  script: WireScript = (_, socket) => socket.write(wireAnswer("{}")),
): Promise<WireEngine> {
  const requests: WireRequest[] = [];
  const faults: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    let text = "";
    sockets.add(socket);
    socket.setEncoding("latin1");
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      if (text !== "") faults.push(`broken off: ${text}`);
    });
    socket.on("data", (more: string) => {
      text += more;
      try {
        for (let read = readRequest(text, 0); read !== null; read = readRequest(text, 0)) {
          text = text.slice(read.end);
          serve(read.message, socket);
        }
      } catch (error) {
        faults.push(`${(error as Error).message} in ${text}`);
        text = "";
        socket.destroy();
      }
    });
  });

  function serve(request: WireRequest, socket: Socket): void {
    const { method, target } = request;
    if (method === "GET" && !target.startsWith("/v1/responses")) {
      socket.write(wireAnswer(LISTED));
      return;
    }
    requests.push(request);
    script(request, socket);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    clear: () => void requests.splice(0),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A whole answer of JSON. */
export function wireAnswer(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
