import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Rng } from "../../lib/rng.ts";
import { monotonicMs } from "./monotonic.ts";
import { type MockRequest, readRequests } from "./mock-requests.ts";

/** First tokens come after so long, drawn evenly; milliseconds. */
const FIRST_MS = { least: 20, most: 60 };
/** Gaps are drawn evenly from so much of their mean. */
const GAP_PART = { least: 0.5, most: 1.5 };

const HEADERS = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
);
const FRAME = chunk(eventOf({ choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }] }));
const FINISH = eventOf({ choices: [{ index: 0, delta: {}, finish_reason: "length" }] });

/** What an answer was, by whoever wrote it. Times are `monotonicMs()`'s. */
export interface AnswerTruth {
  readonly requestId: string;
  readonly receivedMs: number;
  /** One for each frame with a token that was written, taken right before. */
  readonly writtenMs: Float64Array;
}

/**
 * An OpenAI-compatible server on loopback whose answers take drawn times, and that knows when it wrote what. It writes
 * bytes that it has ready to plain sockets, for a server that is late itself is no measure of its client.
 */
export class TimedMock {
  readonly #seed: number;
  readonly #server = createServer({ noDelay: true }, (socket) =>
    readRequests(socket, (request) => this.#answer(request, socket)),
  );
  #answers: TimedAnswer[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** @returns its port */
  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** What was answered since it was last asked, as far as it was written. */
  take(): readonly AnswerTruth[] {
    const taken = this.#answers.map((answer) => answer.truth());
    this.#answers = [];
    return taken;
  }

  #answer(request: MockRequest, socket: Socket): void {
    const index = Number(request.requestId.slice(request.requestId.lastIndexOf("-") + 1));
    const answer = new TimedAnswer(request, socket, new Rng(this.#seed, index));
    this.#answers.push(answer);
    answer.begin();
  }
}

/** One answer while it is written. */
class TimedAnswer {
  readonly #request: MockRequest;
  readonly #socket: Socket;
  readonly #rng: Rng;
  readonly #receivedMs = monotonicMs();
  readonly #writtenMs: Float64Array;
  readonly #next = (): void => this.#write();
  #written = 0;
  #dueMs = this.#receivedMs;

  constructor(request: MockRequest, socket: Socket, rng: Rng) {
    this.#request = request;
    this.#socket = socket;
    this.#rng = rng;
    this.#writtenMs = new Float64Array(request.tokens);
  }

  begin(): void {
    this.#socket.write(HEADERS);
    this.#wait(FIRST_MS.least, FIRST_MS.most);
  }

  truth(): AnswerTruth {
    const { requestId } = this.#request;
    return {
      requestId,
      receivedMs: this.#receivedMs,
      writtenMs: this.#writtenMs.slice(0, this.#written),
    };
  }

  #write(): void {
    // Whoever asked may have gone.
    if (this.#socket.destroyed) return;
    const { tokens, gapMs } = this.#request;
    this.#writtenMs[this.#written++] = monotonicMs();
    this.#socket.write(FRAME);
    if (this.#written < tokens) {
      this.#wait(gapMs * GAP_PART.least, gapMs * GAP_PART.most);
      return;
    }
    const usage = { prompt_tokens: 1, completion_tokens: tokens };
    const last = chunk(`${FINISH}${eventOf({ choices: [], usage })}data: [DONE]\n\n`);
    this.#socket.write(Buffer.concat([last, chunk("")]));
  }

  #wait(least: number, most: number): void {
    this.#dueMs += least + this.#rng.uniform() * (most - least);
    setTimeout(this.#next, Math.max(0, this.#dueMs - monotonicMs()));
  }
}

function eventOf(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** As HTTP/1.1 sends a part of a body whose length is not known; an empty one ends it. */
function chunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
