import cluster from "node:cluster";
import { once } from "node:events";
import type { Server } from "node:http";
import { type Server as Listener, type Socket, createServer } from "node:net";

/**
 * Sockets on the port of a server beside its own: a turn of the event loop accepts one connection of each socket, so that
 * many connections that come at once to a busy process wait for fewer turns.
 */
export class Acceptors {
  /** Sockets can share a port there, and connections are spread among them. A local worker gets them from its primary. */
  static readonly possible = process.platform === "linux" && !cluster.isWorker;

  readonly #server: Server;
  readonly #most: number;
  readonly #listeners: Listener[] = [];
  /** Connections of all sockets, and of those beside the server's own. */
  #open = 0;
  #beside = 0;

  /** @param server whose connections they are, and whose limit of connections holds for all of them */
  constructor(server: Server) {
    this.#server = server;
    this.#most = server.maxConnections;
    server.on("connection", (socket: Socket) => {
      this.#open++;
      socket.once("close", () => this.#open--);
    });
  }

  /** Listens where the server does, which has to share its port. */
  async listen(host: string, port: number, sockets: number): Promise<void> {
    for (let i = 0; i < sockets; i++) {
      // As Node's HTTP server takes connections itself.
      const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#take(socket));
      listener.listen({ host, port, reusePort: true });
      await once(listener, "listening");
      this.#listeners.push(listener);
    }
  }

  /** Accepts no more. @returns once the connections that they have taken are over */
  async close(): Promise<void> {
    const closed = this.#listeners.splice(0).map((listener) => once(listener.close(), "close"));
    await Promise.all(closed);
  }

  #take(socket: Socket): void {
    if (this.#open >= this.#most) {
      socket.destroy();
      this.#server.emit("drop");
      return;
    }
    this.#besideBy(1);
    socket.once("close", () => this.#besideBy(-1));
    this.#server.emit("connection", socket);
  }

  /** The server's own socket takes what the others leave. */
  #besideBy(connections: number): void {
    this.#beside += connections;
    this.#server.maxConnections = this.#most - this.#beside;
  }
}
