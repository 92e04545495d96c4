import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";

export interface RawServer extends AsyncDisposable {
  readonly url: string;
  /** How many connections were made to it. */
  readonly connections: () => number;
}

/** Says whatever the script does to each request on a connection, HTTP or not. @param nth of the connection, from 0 */
export async function rawServer(script: (socket: Socket, nth: number) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let made = 0;
  const server = createServer((socket) => {
    made++;
    sockets.add(socket);
    let nth = 0;
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", () => script(socket, nth++));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    connections: () => made,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
