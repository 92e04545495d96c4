import type { Dispatcher } from "undici";
import { EngineUnreachable, type Exchange, type ResponseSink } from "../../serving/engine.ts";

/** Reads the KV use an engine tells with its answer; it may take out of `headers` what the client did not ask for. */
export type ReadKvUse = (headers: string[]) => number | null;

/**
 * One request's response, handed from undici's parser to its sink as it arrives. undici still takes handlers of this
 * form as they are, and gives them the headers as they came: the newer form costs a wrapper and a controller for each
 * request and an object made of the headers.
 */
export class ResponseHandler implements Dispatcher.DispatchHandler, Exchange {
  readonly #url: string;
  readonly #sink: ResponseSink;
  readonly #readKvUse: ReadKvUse | null;
  #abort: (() => void) | null = null;
  #resume: (() => void) | null = null;
  #headed = false;
  #over = false;
  #sending = true;

  /** @param url the server's, for messages */
  constructor(url: string, sink: ResponseSink, readKvUse: ReadKvUse | null) {
    this.#url = url;
    this.#sink = sink;
    this.#readKvUse = readKvUse;
  }

  /** `send` is about to return. */
  sent(): void {
    this.#sending = false;
  }

  resume(): void {
    // The connection may be another request's by now.
    if (!this.#over) this.#resume?.();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#abort?.();
  }

  /** The request is written to its connection right after this. */
  onConnect(abort: () => void): void {
    this.#abort = abort;
    if (this.#over) abort();
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void): boolean {
    // Early hints and the like: the response is still to come.
    if (status < 200 || this.#over) return true;
    this.#resume = resume;
    this.#headed = true;
    const headers: string[] = [];
    for (const part of rawHeaders) headers.push(part.toString("latin1"));
    const kvUse = this.#readKvUse === null ? null : this.#readKvUse(headers);
    this.#sink.head({ status, headers, kvUse });
    return true;
  }

  onData(chunk: Buffer): boolean {
    return this.#over || this.#sink.data(chunk);
  }

  onComplete(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink.end();
  }

  onError(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    const fault = this.#fault(error);
    if (this.#sending) queueMicrotask(() => this.#sink.fail(fault));
    else this.#sink.fail(fault);
  }

  #fault(cause: Error): EngineUnreachable {
    const what = this.#headed ? "broke off its response" : "gave no response";
    return new EngineUnreachable(`${this.#url} ${what} (${codeOf(cause)}).`, {
      mayHaveBegun: this.#abort !== null,
      cause,
    });
  }
}

/** A connection tried on several addresses fails with all their errors; they share the code of the first. */
export function codeOf(error: Error & { code?: string }): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0] as Error);
  return error.code ?? error.name;
}
