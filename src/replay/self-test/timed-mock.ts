import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { Rng } from "../../lib/rng.ts";
import { monotonicMs } from "./monotonic.ts";

/** First tokens come after so long, and the others one after the other, drawn evenly; milliseconds. */
const FIRST_MS = { least: 20, most: 60 };
const GAP_MS = { least: 10, most: 30 };

const FRAME = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }] })}\n\n`;
const FINISH = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "length" }] })}\n\n`;

/** What an answer was, by whoever wrote it. Times are `monotonicMs()`'s. */
export interface AnswerTruth {
  readonly requestId: string;
  readonly receivedMs: number;
  /** One for each frame with a token, taken right before it was written. */
  readonly writtenMs: Float64Array;
}

/** An OpenAI-compatible server on loopback whose answers take drawn times, and that knows when it wrote what. */
export class TimedMock {
  readonly #seed: number;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #truths: AnswerTruth[] = [];

  constructor(seed: number) {
    this.#seed = seed;
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
    return taken;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") {
      response.end(JSON.stringify({ object: "list", data: [{ id: "mock" }] }));
      return;
    }
    try {
      const { max_tokens: tokens } = (await json(request)) as { readonly max_tokens: number };
      this.#answer(String(request.headers["x-request-id"]), tokens, monotonicMs(), response);
    } catch {
      // Whoever asked has gone.
      response.destroy();
    }
  }

  #answer(requestId: string, tokens: number, receivedMs: number, response: ServerResponse): void {
    const rng = new Rng(this.#seed, Number(requestId.slice(requestId.lastIndexOf("-") + 1)));
    const drawn = ({ least, most }: typeof GAP_MS): number => least + rng.uniform() * (most - least);
    const writtenMs = new Float64Array(tokens);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    let dueMs = receivedMs + drawn(FIRST_MS);
    let token = 0;
    const write = (): void => {
      if (response.destroyed) return;
      writtenMs[token++] = monotonicMs();
      response.write(FRAME);
      if (token === tokens) {
        const usage = { prompt_tokens: 1, completion_tokens: tokens };
        response.end(`${FINISH}data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`);
        this.#truths.push({ requestId, receivedMs, writtenMs });
        return;
      }
      dueMs += drawn(GAP_MS);
      setTimeout(write, Math.max(0, dueMs - monotonicMs()));
    };
    setTimeout(write, Math.max(0, dueMs - monotonicMs()));
  }
}
