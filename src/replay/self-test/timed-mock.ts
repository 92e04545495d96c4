import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Rng } from "../../lib/rng.ts";
import { type MockRequest, readRequests } from "./mock-requests.ts";
import { monotonicMs } from "./monotonic.ts";

/** Drawn evenly from here to there; milliseconds. */
interface Drawn {
  readonly least: number;
  readonly most: number;
}

/** First tokens come after so long, and the others one after the other. */
export interface MockTimes {
  readonly firstMs: Drawn;
  readonly gapMs: Drawn;
}

/** Of a request that says its mean gap, gaps are drawn evenly from so much of it. */
const GAP_PART = { least: 0.5, most: 1.5 };

const MODEL = "mock";
const HEADERS = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
);
const FRAME = chunk(eventOf(choiceOf({ content: "word " }, null)));
const FINISH = eventOf(choiceOf({}, "length"));
const MODELS = JSON.stringify({ object: "list", data: [{ id: MODEL }] });
const LIST = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${MODELS.length}\r\n\r\n${MODELS}`,
);

/** What an answer was, by whoever wrote it. Times are `monotonicMs()`'s. */
export interface AnswerTruth extends Pick<MockRequest, "requestId" | "row"> {
  readonly receivedMs: number;
  /** One for each frame with a token that was written, taken right before. */
  readonly writtenMs: Float64Array;
  /** All of it was written. */
  readonly whole: boolean;
}

/** What was asked of the mock since its answers were last taken, and what it has written. */
export interface MockCount {
  readonly asked: number;
  readonly answered: number;
  readonly frames: number;
  /** How long ago the first of it was asked; null where nothing was. */
  readonly firstAskedAgoMs: number | null;
}

/**
 * An OpenAI-compatible server on loopback whose answers take drawn times, and that knows when it wrote what. A request
 * of the same number has the same times, whoever asks. It writes bytes that it has ready to plain sockets, for a server
 * that is late itself is no measure of its client.
 */
export class TimedMock {
  readonly #seed: number;
  readonly #times: MockTimes;
  readonly #server = createServer({ noDelay: true }, (socket) =>
    readRequests(
      socket,
      (request) => this.#answer(request, socket),
      () => socket.write(LIST),
    ),
  );
  #answers: TimedAnswer[] = [];

  constructor(seed: number, times: MockTimes) {
    this.#seed = seed;
    this.#times = times;
  }

  /** @returns its port */
  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** What was asked since it was last taken, as far as it was answered. */
  take(): readonly AnswerTruth[] {
    const taken = this.#answers.map((answer) => answer.truth());
    this.#answers = [];
    return taken;
  }

  count(): MockCount {
    const [first] = this.#answers;
    return {
      asked: this.#answers.length,
      answered: this.#answers.filter(({ whole }) => whole).length,
      frames: this.#answers.reduce((sum, { written }) => sum + written, 0),
      firstAskedAgoMs: first === undefined ? null : monotonicMs() - first.receivedMs,
    };
  }

  #answer(request: MockRequest, socket: Socket): void {
    const answer = new TimedAnswer(request, socket, this.#times, new Rng(this.#seed, request.row));
    this.#answers.push(answer);
    answer.begin();
  }
}

/** One answer while it is written. */
class TimedAnswer {
  readonly receivedMs = monotonicMs();
  readonly #request: MockRequest;
  readonly #socket: Socket;
  readonly #times: MockTimes;
  readonly #rng: Rng;
  readonly #writtenMs: Float64Array;
  readonly #next = (): void => this.#write();
  #written = 0;
  #dueMs = this.receivedMs;

  constructor(request: MockRequest, socket: Socket, times: MockTimes, rng: Rng) {
    const { gapMs } = request;
    this.#request = request;
    this.#socket = socket;
    this.#times =
      gapMs === null
        ? times
        : { ...times, gapMs: { least: gapMs * GAP_PART.least, most: gapMs * GAP_PART.most } };
    this.#rng = rng;
    this.#writtenMs = new Float64Array(request.tokens);
  }

  get written(): number {
    return this.#written;
  }

  get whole(): boolean {
    return this.#written === this.#request.tokens;
  }

  begin(): void {
    this.#socket.write(HEADERS);
    this.#wait(this.#times.firstMs);
  }

  truth(): AnswerTruth {
    const { requestId, row } = this.#request;
    const writtenMs = this.#writtenMs.slice(0, this.#written);
    return { requestId, row, receivedMs: this.receivedMs, writtenMs, whole: this.whole };
  }

  #write(): void {
    // Whoever asked may have gone.
    if (this.#socket.destroyed) return;
    this.#writtenMs[this.#written++] = monotonicMs();
    this.#socket.write(FRAME);
    if (!this.whole) return this.#wait(this.#times.gapMs);
    const usage = { prompt_tokens: 1, completion_tokens: this.#request.tokens };
    const last = chunk(`${FINISH}${eventOf({ choices: [], usage })}data: [DONE]\n\n`);
    this.#socket.write(Buffer.concat([last, chunk("")]));
  }

  #wait({ least, most }: Drawn): void {
    this.#dueMs += least + this.#rng.uniform() * (most - least);
    setTimeout(this.#next, Math.max(0, this.#dueMs - monotonicMs()));
  }
}

/** An event as engines write it. */
function eventOf(more: object): string {
  return `data: ${JSON.stringify({ id: "chatcmpl-mock", object: "chat.completion.chunk", created: 0, model: MODEL, ...more })}\n\n`;
}

function choiceOf(delta: object, finishReason: string | null): object {
  return { choices: [{ index: 0, delta, finish_reason: finishReason }] };
}

/** As HTTP/1.1 sends a part of a body whose length is not known; an empty one ends it. */
function chunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
