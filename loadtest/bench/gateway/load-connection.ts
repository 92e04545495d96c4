import { connect, type Socket } from "node:net";
import type { Address } from "./load.ts";
import { type MessageHandler, MessageReader } from "./message-reader.ts";

/** A request, and when it was due; now where that is null. */
export interface DueRequest {
  readonly bytes: Buffer;
  readonly dueMs: number | null;
}

/** Who a connection asks for requests and tells what came of them. */
export interface Load {
  /** The next for a connection that is free: null where there are no more, "later" where it is asked again. */
  next(connection: LoadConnection): DueRequest | "later" | null;
  /** Called once: the connection's first answer has begun, or it is gone. */
  served(): void;
  firstByte(afterMs: number): void;
  frame(afterMs: number | null): void;
  completed(): void;
  fail(what: string): void;
}

const LF = 10;
const OK = "HTTP/1.1 200";

/** A connection with one request in flight; the next may follow as soon as the answer is whole. */
export class LoadConnection implements MessageHandler {
  readonly #socket: Socket;
  readonly #load: Load;
  /** Null while no request is in flight. */
  #sentAt: number | null = null;
  #ok = false;
  #startLine = "";
  #begun = false;
  #served = false;
  /** When the last event of this stream ended. */
  #frameAt: number | null = null;
  /** Whether the body's last byte so far ended a line. */
  #lineEnded = false;
  /** When what is being read arrived. */
  #now = 0;

  /** @param onClose called once, when the connection is gone */
  constructor({ host, port }: Address, load: Load, onClose: () => void) {
    this.#load = load;
    const reader = new MessageReader(this);
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on("connect", () => this.proceed());
    this.#socket.on("data", (bytes: Buffer) => {
      this.#now = performance.now();
      try {
        reader.push(bytes);
      } catch (error) {
        this.#socket.destroy(error as Error);
      }
    });
    let why = "closed";
    this.#socket.on("error", (error) => {
      why = error.message;
    });
    this.#socket.on("close", () => {
      if (this.#sentAt !== null || why !== "closed") load.fail(`connection ${why}`);
      this.#serve();
      onClose();
    });
  }

  /** Closes it once the answer in flight is whole. */
  closeWhenIdle(): void {
    if (this.#sentAt === null) this.#socket.destroy();
  }

  /** Closes it at once; a request in flight has failed. */
  abandon(): void {
    this.#socket.destroy(new Error("given up, long after the window"));
  }

  head(startLine: string): void {
    this.#serve();
    this.#startLine = startLine;
    this.#ok = startLine.startsWith(OK);
    this.#begun = false;
    this.#frameAt = null;
    this.#lineEnded = false;
  }

  body(bytes: Buffer, from: number, to: number): void {
    if (!this.#ok || this.#sentAt === null) return;
    if (!this.#begun) {
      this.#begun = true;
      this.#load.firstByte(this.#now - this.#sentAt);
    }
    // An event ends with an empty line.
    let lineEnded = this.#lineEnded;
    for (let at = from; at < to; at++) {
      const line = bytes.indexOf(LF, at);
      if (line < 0 || line >= to) {
        lineEnded = false;
        break;
      }
      if (line > at) lineEnded = false;
      if (lineEnded) {
        this.#load.frame(this.#frameAt === null ? null : this.#now - this.#frameAt);
        this.#frameAt = this.#now;
      }
      lineEnded = !lineEnded;
      at = line;
    }
    this.#lineEnded = lineEnded;
  }

  end(): void {
    this.#sentAt = null;
    if (this.#ok) this.#load.completed();
    else this.#load.fail(this.#startLine);
    this.proceed();
  }

  #serve(): void {
    if (this.#served) return;
    this.#served = true;
    this.#load.served();
  }

  /** Sends the next request. */
  proceed(): void {
    const next = this.#load.next(this);
    if (next === null) this.#socket.destroy();
    else if (next !== "later") {
      this.#sentAt = next.dueMs ?? performance.now();
      this.#socket.write(next.bytes);
    }
  }
}
