import { EngineUnreachable, type Exchange, type ResponseSink } from "../../serving/engine.ts";
import type { Connection, OnConnection } from "./connection.ts";
import { headerIndex } from "./request-headers.ts";

/** Reads the KV use an engine tells with its answer; it may take out of `headers` what the client did not ask for. */
export type ReadKvUse = (headers: string[]) => number | null;

/** Counts what comes from a server: that it serves is proof of life. */
export interface Received {
  /** Chunks of answers that do not say that the server failed. */
  received: number;
}

/** From this status on the server failed. */
const FAILED = 500;

/**
 * One request's response, handed from undici's parser to its sink as it arrives. undici still takes handlers of this
 * form as they are, and gives them the headers as they came: the newer form costs a wrapper and a controller for each
 * request and an object made of the headers.
 */
export class ResponseHandler implements OnConnection, Exchange {
  connection: Connection | null = null;
  readonly #url: string;
  readonly #sink: ResponseSink;
  readonly #readKvUse: ReadKvUse | null;
  readonly #server: Received;
  #good = false;
  #abort: ((reason?: Error) => void) | null = null;
  #headed = false;
  /** The sink takes no more for now. */
  #full = false;
  /** What had been read when the sink was full: at most what one read of the socket gave. */
  readonly #waiting: Buffer[] = [];
  #complete = false;
  #over = false;
  #sending = true;
  /** Until the first byte of the body. */
  #patience: NodeJS.Timeout | null;

  /**
   * @param url the server's, for messages
   * @param firstTokenTimeoutMs how long the first byte of the body may take
   */
  constructor(
    url: string,
    sink: ResponseSink,
    readKvUse: ReadKvUse | null,
    server: Received,
    firstTokenTimeoutMs: number,
  ) {
    this.#url = url;
    this.#server = server;
    this.#sink = sink;
    this.#readKvUse = readKvUse;
    this.#patience = setTimeout(() => this.#tooLate(), firstTokenTimeoutMs);
  }

  /** `send` is about to return. */
  sent(): void {
    this.#sending = false;
  }

  resume(): void {
    if (this.#over || !this.#full) return;
    this.#full = false;
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting.shift() as Buffer;
      this.#full = !this.#sink.data(chunk);
      if (this.#full || this.#over) return;
    }
    if (this.#complete) this.#end();
    else this.connection?.release();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#calm();
    if (!this.#complete) this.#abort?.();
  }

  /** The request is written to its connection right after this. */
  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#over) abort();
  }

  onHeaders(status: number, rawHeaders: Buffer[]): boolean {
    // Early hints and the like: the response is still to come.
    if (status < 200 || this.#over) return true;
    const headers: string[] = [];
    for (const part of rawHeaders) headers.push(part.toString("latin1"));
    const coding = headerIndex(headers, "transfer-encoding");
    if (coding >= 0 && headers[coding + 1].toLowerCase() !== "chunked") {
      this.#abort?.(new ForeignCoding());
      return true;
    }
    this.#headed = true;
    this.#good = status < FAILED;
    const kvUse = this.#readKvUse === null ? null : this.#readKvUse(headers);
    this.#sink.headers({ status, headers, kvUse });
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#good) this.#server.received++;
    if (this.#over) return true;
    if (this.#patience !== null) this.#firstByte();
    if (this.#full) this.#waiting.push(chunk);
    else if (!this.#sink.data(chunk)) {
      this.#full = true;
      if (!this.#over) this.connection?.hold();
    }
    return true;
  }

  onComplete(): void {
    this.connection?.end();
    this.#calm();
    this.#complete = true;
    if (!this.#full) this.#end();
  }

  onError(error: Error): void {
    this.connection?.end();
    if (this.#over) return;
    this.#over = true;
    this.#calm();
    const fault = this.#fault(error);
    if (this.#sending) queueMicrotask(() => this.#sink.fail(fault));
    else this.#sink.fail(fault);
  }

  /** From now on silence counts. */
  #firstByte(): void {
    this.#calm();
    this.connection?.begin(() => this.#abort?.(new SilentServer()));
  }

  #tooLate(): void {
    this.#patience = null;
    const fault = new LateServer();
    // Without a connection it waits for one.
    if (this.#abort === null) this.onError(fault);
    else this.#abort(fault);
  }

  #calm(): void {
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = null;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink.end();
  }

  #fault(cause: Error): EngineUnreachable {
    const what = this.#headed ? "broke off its response" : "gave no response";
    const mayHaveBegun = this.#abort !== null;
    return new EngineUnreachable(this.#url, `${what} (${codeOf(cause)})`, { mayHaveBegun, cause });
  }
}

/** A body that could not be relayed as it is: nobody was asked for such a transfer coding. */
class ForeignCoding extends Error {
  override readonly name = "ForeignCoding";
  readonly code = "TRANSFER_ENCODING";
}

/** No first byte has come within the time it may take. */
class LateServer extends Error {
  override readonly name = "LateServer";
  readonly code = "FIRST_TOKEN_TIMEOUT";
}

/** Nothing more of a response has come for the idle time. */
class SilentServer extends Error {
  override readonly name = "SilentServer";
  readonly code = "IDLE_TIMEOUT";
}

/** A connection tried on several addresses fails with all their errors; they share the code of the first. */
export function codeOf(error: Error & { code?: string }): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0] as Error);
  // A DOMException's code is a number that says nothing.
  return typeof error.code === "string" ? error.code : error.name;
}
