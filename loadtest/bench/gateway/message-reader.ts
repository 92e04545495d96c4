/** Hears the parts of HTTP/1.1 messages, one message after the other. */
export interface MessageHandler {
  /** @param startLine as in `HTTP/1.1 200 OK` or `POST /v1/chat/completions HTTP/1.1` */
  head(startLine: string): void;
  /** A part of the body, without chunk framing: `bytes` from `from` to before `to`, valid during the call. */
  body(bytes: Buffer, from: number, to: number): void;
  end(): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const LF = 10;
const CR = 13;

type State = "head" | "body" | "chunk size" | "chunk" | "chunk end" | "trailers";

/**
 * The least of HTTP/1.1 that measuring needs, so that neither engine nor load generator costs what a router costs:
 * bodies by `content-length` or in chunks, any number of messages in any pieces. A message with neither has no body.
 */
export class MessageReader {
  readonly #handler: MessageHandler;
  #state: State = "head";
  /** Of a head or line that has not ended yet. */
  #kept: Buffer | null = null;
  /** Bytes to the end of the body, chunk or line end. */
  #left = 0;

  constructor(handler: MessageHandler) {
    this.#handler = handler;
  }

  /** @throws RangeError where the bytes are no HTTP/1.1 */
  push(bytes: Buffer): void {
    const input = this.#kept === null ? bytes : Buffer.concat([this.#kept, bytes]);
    this.#kept = null;
    let at = 0;
    while (at < input.length) {
      const next = this.#step(input, at);
      if (next < 0) {
        this.#kept = input.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** Reads what comes next; returns where it ends, or −1 while that has not come. */
  #step(input: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#head(input, at);
      case "body": {
        const to = this.#part(input, at);
        if (this.#left === 0) this.#end();
        return to;
      }
      case "chunk size": {
        const end = input.indexOf(LF, at);
        if (end < 0) return -1;
        this.#left = chunkSize(input, at, end);
        this.#state = this.#left === 0 ? "trailers" : "chunk";
        return end + 1;
      }
      case "chunk": {
        const to = this.#part(input, at);
        if (this.#left === 0) this.#state = "chunk end";
        return to;
      }
      case "chunk end": {
        const end = input.indexOf(LF, at);
        if (end < 0) return -1;
        this.#state = "chunk size";
        return end + 1;
      }
      case "trailers": {
        const end = input.indexOf(LF, at);
        if (end < 0) return -1;
        if (input[at] === CR) this.#end();
        return end + 1;
      }
    }
  }

  #head(input: Buffer, at: number): number {
    const end = input.indexOf(HEAD_END, at);
    if (end < 0) return -1;
    const head = input.toString("latin1", at, end);
    const [startLine] = head.split("\r\n", 1);
    if (!startLine.includes("HTTP/1.1")) throw new RangeError(`no HTTP/1.1: ${startLine.slice(0, 80)}`);
    this.#handler.head(startLine);
    if (CHUNKED.test(head)) {
      this.#state = "chunk size";
    } else {
      this.#left = Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0);
      this.#state = "body";
      if (this.#left === 0) this.#end();
    }
    return end + HEAD_END.length;
  }

  #part(input: Buffer, at: number): number {
    const to = Math.min(input.length, at + this.#left);
    this.#left -= to - at;
    this.#handler.body(input, at, to);
    return to;
  }

  #end(): void {
    this.#state = "head";
    this.#handler.end();
  }
}

function chunkSize(input: Buffer, from: number, to: number): number {
  const size = Number.parseInt(input.toString("latin1", from, to), 16);
  if (Number.isNaN(size)) throw new RangeError("a chunk without a size");
  return size;
}
