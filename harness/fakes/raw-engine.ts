import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** Serves the model `small`; what it answers to a POST, the script writes to the connection, HTTP or not. */
export interface RawEngine extends AsyncDisposable {
  readonly url: string;
  /** POSTs that reached it. */
  readonly posts: () => number;
}

export async function rawEngine(
  script: (socket: Socket, request: IncomingMessage) => void,
): Promise<RawEngine> {
  let posts = 0;
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.end('{"object":"list","data":[{"id":"small"}]}');
      return;
    }
    posts++;
    request.resume().once("end", () => script(request.socket, request));
  });
  server.on("connection", (socket) => socket.on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts: () => posts,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** Writes so many bytes as fast as they are taken. @param written receives how many were */
export function pour(socket: Socket, bytes: number, written: (total: number) => void = () => {}): void {
  const piece = Buffer.alloc(64 * 1024, "x");
  let total = 0;
  const go = (): void => {
    while (total < bytes && !socket.destroyed) {
      total += piece.length;
      written(total);
      if (!socket.write(piece)) return void socket.once("drain", go);
    }
  };
  go();
}
