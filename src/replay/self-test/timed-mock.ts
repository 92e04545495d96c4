import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { Rng } from "../../lib/rng.ts";
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

/** An event as engines write it. */
function eventOf(more: object): string {
  return `data: ${JSON.stringify({ id: "chatcmpl-mock", object: "chat.completion.chunk", created: 0, model: MODEL, ...more })}\n\n`;
}

function choiceOf(delta: object, finishReason: string | null): object {
  return { choices: [{ index: 0, delta, finish_reason: finishReason }] };
}

const MODEL = "mock";
const FRAME = eventOf(choiceOf({ content: "word " }, null));
const FINISH = eventOf(choiceOf({}, "length"));

/** What an answer was, by whoever wrote it. Times are `monotonicMs()`'s. */
export interface AnswerTruth {
  /** The `x-request-id` that it was asked with. */
  readonly requestId: string;
  /** Which of the load's requests it is: the number that its prompt begins with, else the one that its id ends with. */
  readonly row: number;
  readonly receivedMs: number;
  /** One for each frame with a token, taken right before it was written. */
  readonly writtenMs: Float64Array;
}

/** What was asked of the mock since its answers were last taken, and what it has written. */
export interface MockCount {
  readonly asked: number;
  readonly answered: number;
  readonly frames: number;
  /** How long ago the first of it was asked; null where nothing was. */
  readonly firstAskedAgoMs: number | null;
}

/** Of the body of a chat request. The second name of the limit is the newer one. */
interface AskedBody {
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly messages?: readonly { readonly content?: unknown }[];
}

/**
 * An OpenAI-compatible server on loopback whose answers take drawn times, and that knows when it wrote what. A request
 * of the same number has the same times, whoever asks.
 */
export class TimedMock {
  readonly #seed: number;
  readonly #times: MockTimes;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #truths: AnswerTruth[] = [];
  #asked = 0;
  #frames = 0;
  #firstAskedMs: number | null = null;

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

  /** What was answered since it was last asked. */
  take(): readonly AnswerTruth[] {
    const taken = this.#truths;
    this.#truths = [];
    this.#asked = 0;
    this.#frames = 0;
    this.#firstAskedMs = null;
    return taken;
  }

  count(): MockCount {
    const first = this.#firstAskedMs;
    return {
      asked: this.#asked,
      answered: this.#truths.length,
      frames: this.#frames,
      firstAskedAgoMs: first === null ? null : monotonicMs() - first,
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") {
      response.end(JSON.stringify({ object: "list", data: [{ id: MODEL }] }));
      return;
    }
    try {
      this.#asked++;
      const receivedMs = monotonicMs();
      this.#firstAskedMs ??= receivedMs;
      const body = (await json(request)) as AskedBody;
      const requestId = String(request.headers["x-request-id"]);
      this.#answer({ requestId, row: rowOf(body, requestId), receivedMs }, tokensOf(body), response);
    } catch {
      // Whoever asked has gone.
      response.destroy();
    }
  }

  #answer(asked: Omit<AnswerTruth, "writtenMs">, tokens: number, response: ServerResponse): void {
    const rng = new Rng(this.#seed, asked.row);
    const { firstMs, gapMs } = this.#times;
    const drawn = ({ least, most }: Drawn): number => least + rng.uniform() * (most - least);
    const writtenMs = new Float64Array(tokens);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    let dueMs = asked.receivedMs + drawn(firstMs);
    let token = 0;
    const write = (): void => {
      if (response.destroyed) return;
      writtenMs[token++] = monotonicMs();
      response.write(FRAME);
      this.#frames++;
      if (token === tokens) {
        const usage = { prompt_tokens: 1, completion_tokens: tokens };
        response.end(`${FINISH}${eventOf({ choices: [], usage })}data: [DONE]\n\n`);
        this.#truths.push({ ...asked, writtenMs });
        return;
      }
      dueMs += drawn(gapMs);
      setTimeout(write, Math.max(0, dueMs - monotonicMs()));
    };
    setTimeout(write, Math.max(0, dueMs - monotonicMs()));
  }
}

function rowOf({ messages = [] }: AskedBody, requestId: string): number {
  const content = messages.at(-1)?.content;
  const begin = typeof content === "string" ? /^\d+(?= )/.exec(content) : null;
  return Number(begin?.[0] ?? requestId.slice(requestId.lastIndexOf("-") + 1));
}

function tokensOf({ max_tokens, max_completion_tokens }: AskedBody): number {
  return max_tokens ?? max_completion_tokens ?? 1;
}
