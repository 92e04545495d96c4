import type { Socket } from "node:net";
import { Client, type Dispatcher, type buildConnector } from "undici";

/** What a connection serves: one request at a time. */
export interface OnConnection extends Dispatcher.DispatchHandler {
  connection: Connection | null;
}

/**
 * One connection to a server, made again when it was lost. A response can be held back: its bytes stay in the socket,
 * and so with the server. undici's own pause is left alone: it takes the process down when the server closes a
 * connection meanwhile that it had announced to close (7.30.2: an assertion in an event listener).
 */
export class Connection extends Client {
  readonly #idleTimeoutMs: number;
  #socket: Socket | null = null;
  #held = false;
  #serving: (() => void) | null = null;

  constructor(
    origin: URL,
    connect: buildConnector.connector,
    idleTimeoutMs: number,
    options: Client.Options,
  ) {
    super(origin, {
      ...options,
      connect: (to, done) =>
        connect(to, (...result) => {
          if (result[0] === null) this.#connected(result[1]);
          done(...result);
        }),
    });
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: OnConnection): boolean {
    handler.connection = this;
    return super.dispatch(options, handler);
  }

  /** A response's first byte has arrived. @param onSilence called when no more of it has arrived for the idle time */
  begin(onSilence: () => void): void {
    this.#serving = onSilence;
  }

  /** It is over. */
  end(): void {
    this.#serving = null;
    this.#held = false;
  }

  /** Nothing is read until `release`; what was read before is still delivered. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    // The socket's timeout may have fired meanwhile, unnoticed.
    this.#socket?.setTimeout(this.#idleTimeoutMs);
    this.#socket?.emit("readable");
  }

  #connected(socket: Socket): void {
    const read = socket.read.bind(socket);
    // Also keeps the socket from ending before what it holds has been read.
    socket.read = (size?: number): unknown => (this.#held ? null : read(size));
    // Every byte received or sent starts the time again.
    socket.setTimeout(this.#idleTimeoutMs);
    socket.on("timeout", () => {
      if (!this.#held) this.#serving?.();
    });
    this.#socket = socket;
    this.#held = false;
  }
}
