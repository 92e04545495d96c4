import type { Answer, AnswerReader, TextCounter } from "./answer/answer.ts";
import { decodedText, EncodedAnswer } from "./answer/encoded-answer.ts";
import { errorText } from "./answer/error-text.ts";
import { parseObject } from "./answer/json-object.ts";
import { beginsEvents } from "./answer/event-stream.ts";
import { type OnTokens, StreamedAnswer } from "./answer/streamed-answer.ts";
import { WholeAnswer } from "./answer/whole-answer.ts";
import { CANCELLED, LEFT } from "./request-record.ts";
import { type ResponseFacts, readHeaders } from "./response-headers.ts";
import { codeOf, type ServerClient } from "./server-client.ts";

/** Of the server's words about a failure. */
const MOST_ERROR_BYTES = 1 << 16;
/** Without a `Retry-After`. */
const RETRY_AFTER_MS = 1000;
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** From `[DONE]` to the end of its response; some servers never end it, and nobody waits for that. */
const LINGER_MS = 1000;
const COME_BACK: ReadonlySet<number> = new Set([429, 503]);

export interface ExchangeOptions {
  readonly client: ServerClient;
  readonly path: string;
  /** Name and value in turn, beside the target's. */
  readonly headers: readonly string[];
  readonly body: string;
  /** From the first send to the end; null for as long as it takes. */
  readonly timeoutMs: number | null;
  /** How often it is sent again where the server says to come back. */
  readonly retries: number;
  /** Its user leaves after so many frames with tokens, at 0 when the response begins; null for never. */
  readonly leaveAfter: number | null;
  /** Counts tokens of answers that nobody else counts; null for none. */
  readonly counter: TextCounter | null;
  readonly onTokens: OnTokens;
  /** All is over. What went wrong is in the result. */
  readonly onEnd: (exchanged: Exchanged) => void;
}

/** One request as it was seen. Times are `performance.now()`'s. */
export interface Exchanged {
  readonly sentAt: number | null;
  readonly headersAt: number | null;
  readonly endedAt: number;
  readonly attempts: number;
  readonly status: number | null;
  readonly facts: ResponseFacts | null;
  readonly answer: Answer | null;
  /** As RequestRecord has them. */
  readonly failure: string | null;
  readonly errorText: string | null;
}

/**
 * Sends one request and reads its answer to the end, as undici's handler (in the form that is given bytes as they are):
 * no promise, stream or copy for a frame.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  #abort: ((reason?: Error) => void) | null = null;
  #timeout: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #over = false;
  #sentAt: number | null = null;
  #headersAt: number | null = null;
  #attempts = 0;
  #status: number | null = null;
  #facts: ResponseFacts | null = null;
  #answer: AnswerReader | null = null;
  /** Of a response that is no success. */
  #refusal: Buffer[] = [];
  #refusalBytes = 0;
  /** What the connection failed for, in the system's words. */
  #fault: string | null = null;
  #frames = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Begins. */
  run(): void {
    const { timeoutMs } = this.#options;
    if (timeoutMs !== null) this.#timeout = setTimeout(() => this.#end("timeout"), timeoutMs);
    this.#send();
  }

  /** The replay is stopped. */
  cancel(): void {
    this.#end(CANCELLED);
  }

  /** @internal undici writes the request to its socket right after this */
  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#over) abort();
    else this.#sentAt = performance.now();
  }

  /** @internal */
  onHeaders(status: number, raw: Buffer[]): boolean {
    // Early hints and the like: the response follows.
    if (status < 200 || this.#over) return true;
    this.#headersAt = performance.now();
    this.#status = status;
    this.#facts = readHeaders(raw, Date.now());
    if (status < 300) {
      this.#answer = this.#answerOf(this.#facts);
      this.#mayLeave();
    }
    return true;
  }

  /** @internal */
  onData(chunk: Buffer): boolean {
    if (this.#over) return true;
    if (this.#answer === null) {
      this.#refusalBytes += chunk.length;
      if (this.#refusalBytes <= MOST_ERROR_BYTES) this.#refusal.push(Buffer.from(chunk));
      return true;
    }
    // Some servers send events and call them JSON.
    const called = this.#answer instanceof WholeAnswer && this.#answer.lastPartAt === null;
    if (called && beginsEvents(chunk)) this.#answer = this.#streamed();
    try {
      this.#answer.push(chunk, performance.now());
      this.#mayLeave();
      const answer = this.#answer;
      if (answer.whole) this.#linger ??= setTimeout(() => this.#endAnswer(answer), LINGER_MS);
    } catch (error) {
      this.#end(codeOf(error));
    }
    return true;
  }

  /** @internal */
  onComplete(): void {
    this.#abort = null;
    if (this.#over) return;
    if (this.#answer !== null) {
      this.#endAnswer(this.#answer);
    } else if (COME_BACK.has(this.#status ?? 0) && this.#attempts <= this.#options.retries) {
      const waitMs = Math.min(this.#facts?.retryAfterMs ?? RETRY_AFTER_MS, LONGEST_RETRY_AFTER_MS);
      this.#retry = setTimeout(() => this.#send(), waitMs);
    } else {
      this.#end(`http_${this.#status}`);
    }
  }

  /** @internal */
  onError(error: Error): void {
    this.#abort = null;
    if (this.#over) return;
    if (this.#options.client.stopped) this.#end(CANCELLED);
    // Nothing that comes after `[DONE]` belongs to the answer, not even how the connection ends.
    else if (this.#answer !== null && isJudged(this.#answer)) this.#end(this.#answer.failure);
    else {
      this.#fault = error.message;
      this.#end(codeOf(error));
    }
  }

  #endAnswer(answer: AnswerReader): void {
    answer.end();
    this.#end(answer.failure);
  }

  #send(): void {
    this.#attempts++;
    this.#status = null;
    this.#facts = null;
    this.#refusal = [];
    this.#refusalBytes = 0;
    this.#fault = null;
    const { client, path, headers, body } = this.#options;
    client.post(path, headers, body, this);
  }

  #answerOf({ json, encoding }: ResponseFacts): AnswerReader {
    if (encoding !== null) return new EncodedAnswer(encoding);
    return json ? new WholeAnswer(this.#options.counter) : this.#streamed();
  }

  #streamed(): StreamedAnswer {
    const { onTokens, counter } = this.#options;
    const onFrame: OnTokens = (at, tokens, first) => {
      this.#frames++;
      onTokens(at, tokens, first);
    };
    return new StreamedAnswer(onFrame, counter);
  }

  #mayLeave(): void {
    const { leaveAfter } = this.#options;
    const whole = this.#answer?.whole === true;
    if (leaveAfter !== null && this.#frames >= leaveAfter && !whole) this.#end(LEFT);
  }

  #end(failure: string | null): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timeout);
    clearTimeout(this.#retry);
    clearTimeout(this.#linger);
    const exchanged = {
      sentAt: this.#sentAt,
      headersAt: this.#headersAt,
      endedAt: performance.now(),
      attempts: this.#attempts,
      status: this.#status,
      facts: this.#facts,
      answer: this.#answer,
      failure,
      errorText: failure === null ? null : this.#errorText(),
    };
    const { onEnd } = this.#options;
    // The sockets are first done with what they do.
    queueMicrotask(() => onEnd(exchanged));
    this.#abort?.();
  }

  #errorText(): string | null {
    if (this.#answer !== null) return this.#answer.errorText ?? this.#fault;
    if (this.#status === null) return this.#fault;
    const { location = null, encoding = null } = this.#facts ?? {};
    if (location !== null && this.#status < 400) return `redirects to ${location}`;
    const text = decodedText(Buffer.concat(this.#refusal), encoding);
    const body = parseObject(text);
    const said = body === null ? text : (errorText(body, "error") ?? text);
    return said === "" ? this.#fault : said;
  }
}

/** It has said how it ended. */
function isJudged({ whole, errorText: said }: Answer): boolean {
  return whole || said !== null;
}
