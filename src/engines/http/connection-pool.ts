import { type Dispatcher, errors } from "undici";
import type { Connection, OnConnection } from "./connection.ts";

/** A request that waits for a connection. */
interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: OnConnection;
}

/**
 * The connections to one server, each with one request at a time. The one that was used last is used next, so that the
 * others are closed once they have been idle for long. undici's own pool looks at one connection after the other for each
 * request.
 */
export class ConnectionPool {
  readonly #open: () => Connection;
  readonly #most: number;
  readonly #all = new Set<Connection>();
  readonly #idle: Connection[] = [];
  readonly #waiting: Waiting[] = [];
  #destroyed = false;

  /** @param most connections at a time; 0 for no limit */
  constructor(most: number, open: () => Connection) {
    this.#most = most === 0 ? Number.POSITIVE_INFINITY : most;
    this.#open = open;
  }

  /** Sends a request on a connection of its own, as soon as there is one. */
  dispatch(options: Dispatcher.DispatchOptions, handler: OnConnection): void {
    if (this.#destroyed) return handler.onError(new errors.ClientDestroyedError());
    const connection = this.#idle.pop() ?? this.#opened();
    if (connection === null) this.#waiting.push({ options, handler });
    else this.#send(connection, options, handler);
  }

  /** Breaks off what is under way. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    for (const { handler } of this.#waiting.splice(0)) handler.onError(new errors.ClientDestroyedError());
    await Promise.all([...this.#all].map((connection) => connection.destroy()));
  }

  #send(connection: Connection, options: Dispatcher.DispatchOptions, handler: OnConnection): void {
    connection.idle = false;
    connection.dispatch(options, handler);
    // What undici refuses outright is over, and nothing more is heard of it.
    if (connection.over) this.#freed(connection);
  }

  #opened(): Connection | null {
    if (this.#all.size >= this.#most) return null;
    const connection = this.#open();
    this.#all.add(connection);
    connection.on("drain", () => this.#freed(connection));
    // As in undici's pool, it is not used again.
    connection.on("connectionError", () => {
      this.#all.delete(connection);
      if (this.#waiting.length > 0) queueMicrotask(() => this.#sendNext(this.#opened()));
    });
    return connection;
  }

  #freed(connection: Connection): void {
    if (connection.idle || !this.#all.has(connection) || this.#sendNext(connection)) return;
    connection.idle = true;
    this.#idle.push(connection);
  }

  /** @returns whether the connection carries one that has waited */
  #sendNext(connection: Connection | null): boolean {
    const next = connection === null ? undefined : this.#waiting.shift();
    if (connection === null || next === undefined) return false;
    this.#send(connection, next.options, next.handler);
    return true;
  }
}
