import { EngineUnreachable, type Exchange, type ResponseSink } from "../../serving/engine.ts";
import type { ChunkReader } from "./chunked-body.ts";
import type { Connection, OnConnection } from "./connection.ts";
import { headerIndex } from "./request-headers.ts";
import type { WaitLimit, Waiter } from "./wait-limit.ts";

/** Reads the KV use an engine reports with its answer; it may remove from `headers` what the client did not ask for. */
export type ReadKvUse = (headers: string[]) => number | null;

/** Counts what a server sends: answers are proof of life. */
export interface Received {
  /** Chunks of answers whose status is below 500. */
  received: number;
}

/** From this status on the server failed. */
const FAILED = 500;

/**
 * One request's response, handed from undici's parser to its sink as it arrives. undici still takes handlers of this
 * form as they are, and gives them the headers as the server sent them: the newer form costs a wrapper and a controller
 * for each request and an object made of the headers.
 */
export class ResponseHandler implements OnConnection, ChunkReader, Exchange, Waiter {
  connection: Connection | null = null;
  earlier: Waiter | null = null;
  later: Waiter | null = null;
  since = -1;
  readonly #url: string;
  readonly #sink: ResponseSink;
  readonly #readKvUse: ReadKvUse | null;
  readonly #server: Received;
  #good = false;
  #abort: ((reason?: Error) => void) | null = null;
  #headersReceived = false;
  /** The sink takes nothing for now. */
  #full = false;
  /** Chunks read before the sink was full: at most those of one read of the socket. */
  readonly #waiting: Buffer[] = [];
  #complete = false;
  #over = false;
  #sending = true;
  /** Of the wait for the first byte of the body. */
  readonly #firstByte: WaitLimit;

  /**
   * @param url the server's, for messages
   * @param firstByte how long the first byte of the body may take
   */
  constructor(
    url: string,
    sink: ResponseSink,
    readKvUse: ReadKvUse | null,
    server: Received,
    firstByte: WaitLimit,
  ) {
    this.#url = url;
    this.#server = server;
    this.#sink = sink;
    this.#readKvUse = readKvUse;
    this.#firstByte = firstByte;
    firstByte.begin(this);
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
    this.#firstByte.end(this);
    if (!this.#complete) this.#abort?.();
  }

  /** The request is written to its connection right after this. */
  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#over) abort();
  }

  onHeaders(status: number, rawHeaders: Buffer[]): boolean {
    // Early hints and the like: the response follows.
    if (status < 200 || this.#over) return true;
    const headers: string[] = [];
    for (const part of rawHeaders) headers.push(part.toString("latin1"));
    const coding = headerIndex(headers, "transfer-encoding");
    if (coding >= 0 && headers[coding + 1].toLowerCase() !== "chunked") {
      this.#abort?.(new ForeignCoding());
      return true;
    }
    this.#headersReceived = true;
    this.#good = status < FAILED;
    this.connection?.headersArrived(coding < 0 ? null : this);
    const kvUse = this.#readKvUse === null ? null : this.#readKvUse(headers);
    this.#sink.headers({ status, headers, kvUse });
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.connection?.bodyParsed();
    this.chunk(chunk);
    return true;
  }

  /** @internal */
  chunk(data: Buffer): void {
    if (this.#good) this.#server.received++;
    if (this.#over) return;
    if (this.since >= 0) this.#firstByteReceived();
    if (this.#full) this.#waiting.push(data);
    else if (!this.#sink.data(data)) {
      this.#full = true;
      if (!this.#over) this.connection?.hold();
    }
  }

  /** @internal */
  malformed(): void {
    this.#abort?.(new MalformedChunks());
  }

  onComplete(): void {
    this.connection?.end();
    this.#firstByte.end(this);
    this.#complete = true;
    if (!this.#full) this.#end();
  }

  onError(error: Error): void {
    this.connection?.end();
    if (this.#over) return;
    this.#over = true;
    this.#firstByte.end(this);
    const fault = this.#fault(error);
    if (this.#sending) queueMicrotask(() => this.#sink.fail(fault));
    else this.#sink.fail(fault);
  }

  /** From now on silence is limited. */
  #firstByteReceived(): void {
    this.#firstByte.end(this);
    this.connection?.begin(() => this.#abort?.(new SilentServer()));
  }

  /** @internal */
  tooLate(): void {
    const fault = new LateServer();
    // Without an abort the request still waits for a connection.
    if (this.#abort === null) this.onError(fault);
    else this.#abort(fault);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink.end();
  }

  #fault(cause: Error): EngineUnreachable {
    const mayHaveBegun = this.#abort !== null;
    return new EngineUnreachable(this.#url, this.#lack(cause), { mayHaveBegun, code: codeOf(cause), cause });
  }

  /** What became of the response, in words for clients. */
  #lack(cause: Error): string {
    if (cause instanceof LateServer) return "did not begin its answer in the time it may take";
    if (cause instanceof SilentServer) return "broke off its response: nothing more came for too long";
    if (this.#headersReceived) return "broke off its response";
    if (this.#abort === null) return "could not be reached";
    return CLOSED.has(codeOf(cause)) ? "closed the connection without a response" : "gave no valid response";
  }
}

/** Codes of a connection that its server closed. */
const CLOSED = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** A body that could not be relayed as it is: the gateway asks for no such transfer coding. */
class ForeignCoding extends Error {
  override readonly name = "ForeignCoding";
  readonly code = "TRANSFER_ENCODING";
}

/** A chunk of a body is not followed by a line end: the log has it as undici's own parser says it. */
class MalformedChunks extends Error {
  override readonly name = "MalformedChunks";
  readonly code = "HTTPParserError";
}

/** No first byte has arrived within the time it may take. */
class LateServer extends Error {
  override readonly name = "LateServer";
  readonly code = "FIRST_TOKEN_TIMEOUT";
}

/** Nothing more of a response has arrived for the idle time. */
class SilentServer extends Error {
  override readonly name = "SilentServer";
  readonly code = "IDLE_TIMEOUT";
}

/** A connection tried on several addresses fails with all their errors; they share the code of the first. */
export function codeOf(error: Error & { code?: string }): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0] as Error);
  // A DOMException's code is a number without a meaning here.
  return typeof error.code === "string" ? error.code : error.name;
}
