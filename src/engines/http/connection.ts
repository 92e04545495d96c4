import type { Socket } from "node:net";
import { Client, type Dispatcher } from "undici";
import { ChunkedBody, type ChunkReader } from "./chunked-body.ts";
import type { ConnectorMaker } from "./connector.ts";

/** What a connection serves: one request at a time. */
export interface OnConnection extends Omit<Dispatcher.DispatchHandler, "onError"> {
  connection: Connection | null;
  onError(error: Error): void;
}

const LINE_FEED = 10;
const HEAD_END = "\r\n\r\n";

/** What is read of any connection is here until the next is read. */
const READ = Buffer.allocUnsafeSlow(64 * 1024);
const CHUNKED = /\r\ntransfer-encoding:/i;

/**
 * One connection to a server, made again when it was lost. A response can be held back: its bytes stay in the socket,
 * and so with the server. undici's own pause is left alone: it takes the process down when the server closes a
 * connection meanwhile that it had announced to close (7.30.2: an assertion in an event listener).
 *
 * The chunks of a chunked body are taken off here (`ChunkedBody`), in front of undici's parser, which goes on with the
 * last one: through the parser, each costs two copies and several calls into WebAssembly and out of it.
 */
export class Connection extends Client {
  /** Whether its pool may use it. */
  idle = false;
  readonly #idleTimeoutMs: number;
  #over = false;
  #socket: Socket | null = null;
  #held = false;
  #serving: (() => void) | null = null;
  /** What was read, and is the parser's or the body's next. */
  #unread: Buffer | null = null;
  /** The parser is to read response headers. */
  #awaitsHeaders = true;
  /** What the parser got last ends with an empty line. */
  #headEnded = false;
  /** Reads the chunked body that follows what the parser got last; null where none does. */
  #body: ChunkedBody | null = null;

  constructor(origin: URL, connectors: ConnectorMaker, idleTimeoutMs: number, options: Client.Options) {
    // The constructor of `Client` connects nothing yet.
    const connect = connectors({ buffer: READ, callback: (length) => this.#arrived(length) });
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
    this.#over = false;
    return super.dispatch(options, handler);
  }

  /** The response headers have arrived. @param reader of the body where it is chunked; null where it is not */
  headersArrived(reader: ChunkReader | null): void {
    this.#awaitsHeaders = false;
    if (reader !== null && this.#headEnded) this.#body = new ChunkedBody(reader);
  }

  /** The parser has read a part of the body. */
  bodyParsed(): void {
    this.#body = null;
  }

  /** A response's first byte has arrived. @param onSilence called when no more of it has arrived for the idle time */
  begin(onSilence: () => void): void {
    this.#serving = onSilence;
  }

  /** Whether the request that it was given last is over. */
  get over(): boolean {
    return this.#over;
  }

  /** It is over. */
  end(): void {
    this.#over = true;
    this.#reset();
  }

  #reset(): void {
    this.#serving = null;
    this.#held = false;
    this.#awaitsHeaders = true;
    this.#body = null;
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
    socket.read = (size?: number): unknown => {
      if (size === 0) return this.#held ? null : read(0);
      return this.#next(socket, read as () => Buffer | null);
    };
    // Every byte received or sent starts the time again.
    socket.setTimeout(this.#idleTimeoutMs);
    socket.on("timeout", () => {
      if (!this.#held) this.#serving?.();
    });
    this.#socket = socket;
    this.#unread = null;
    this.#reset();
  }

  /**
   * So many bytes have come. Those of a body that is read here go past the stream, which costs as much as the reading.
   * @returns false to read no more until the socket is read
   */
  #arrived(length: number): boolean {
    const socket = this.#socket as Socket;
    const body = this.#body;
    if (body === null || this.#held || this.#unread !== null || socket.readableLength > 0)
      return socket.push(Buffer.from(READ.subarray(0, length)));
    this.#take(body, READ, length, true);
    if (this.#unread !== null) socket.emit("readable");
    return !this.#held;
  }

  /** What the parser is to read next; null for nothing. */
  #next(socket: Socket, read: () => Buffer | null): Buffer | null {
    while (!socket.destroyed) {
      const bytes = this.#unread ?? (this.#held ? null : read());
      this.#unread = null;
      if (bytes === null) return null;
      const body = this.#body;
      if (body === null) return this.#awaitsHeaders ? this.#head(bytes) : bytes;
      this.#take(body, bytes, bytes.length, false);
    }
    return null;
  }

  #take(body: ChunkedBody, bytes: Buffer, length: number, lent: boolean): void {
    body.take(bytes, length, lent);
    if (body.left === null) return;
    this.#body = null;
    this.#unread = body.left;
  }

  /** Of what begins with response headers, these alone where their body is read here. */
  #head(bytes: Buffer): Buffer {
    // A whole answer's last byte is mostly none: to look for the end of its headers is time spent for nothing.
    const at = bytes[bytes.length - 1] === LINE_FEED ? bytes.indexOf(HEAD_END, 0, "latin1") : -1;
    const end = at + HEAD_END.length;
    this.#headEnded = at >= 0 && (end === bytes.length || CHUNKED.test(bytes.toString("latin1", 0, end)));
    if (!this.#headEnded || end === bytes.length) return bytes;
    this.#unread = bytes.subarray(end);
    return bytes.subarray(0, end);
  }
}
