import { createParser } from "eventsource-parser";
import { type Dispatcher, Pool, request } from "undici";
import { type Usage, readFrame } from "./frame.ts";
import { CANCELLED } from "./request-record.ts";

const MODELS_TIMEOUT_MS = 10_000;

/** One user message to be answered with at most `maxTokens` tokens. */
export interface Chat {
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
}

/** One streamed chat completion as it was seen. Times are `performance.now()`'s. */
export interface Exchange {
  /** When each frame with content came. */
  readonly frameTimes: readonly number[];
  readonly endedAt: number;
  readonly usage: Usage | null;
  /** As RequestRecord has it. */
  readonly failure: string | null;
}

/** The server cannot serve a replay at all; `message` is one line. */
export class ServerUnusable extends Error {
  override readonly name = "ServerUnusable";

  constructor(server: URL, fault: string) {
    super(`${server.href}: ${fault}`);
  }
}

/**
 * The ids a server lists under `/v1/models`; none where it answers but has no such list.
 * Rejects with ServerUnusable when it does not answer.
 */
export async function listModels(server: URL): Promise<string[]> {
  try {
    const timeouts = { headersTimeout: MODELS_TIMEOUT_MS, bodyTimeout: MODELS_TIMEOUT_MS };
    const { body } = await request(endpoint(server, "models"), timeouts);
    const cards = (JSON.parse(await body.text()) as { data?: { id?: unknown }[] } | null)?.data;
    if (!Array.isArray(cards)) return [];
    return cards.map((card) => card?.id).filter((id) => typeof id === "string");
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw new ServerUnusable(server, `cannot be reached (${errorCode(error)})`);
  }
}

/** Streams chat completions from one server over a bounded number of sockets. */
export class ChatClient {
  readonly #pool: Pool;
  readonly #path: string;
  #stopped = false;

  /** @param server the base URL, with or without its `/v1` */
  constructor(server: URL, sockets: number) {
    this.#pool = new Pool(server.origin, { connections: sockets, pipelining: 1 });
    this.#path = endpoint(server, "chat/completions").pathname;
  }

  /**
   * Sends one user message and reads the stream to its end. Never rejects: what went wrong is in the result.
   * @param onFrame called for every frame with content, with its time and whether it is the first
   */
  async complete(chat: Chat, onFrame: (at: number, first: boolean) => void): Promise<Exchange> {
    const frameTimes: number[] = [];
    let usage: Usage | null = null;
    let failure: string | null = "incomplete_stream";
    const parser = createParser({
      onEvent: ({ data }) => {
        const frame = readFrame(data);
        if (frame.content) {
          const now = performance.now();
          onFrame(now, frameTimes.length === 0);
          frameTimes.push(now);
        }
        usage = frame.usage ?? usage;
        if (frame.failed) failure = "error_frame";
        else if (frame.final && failure === "incomplete_stream") failure = null;
      },
    });
    try {
      const response = await this.#post(chat);
      if (response.statusCode === 200) {
        const decoder = new TextDecoder();
        const chunks: AsyncIterable<Uint8Array> = response.body;
        for await (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
      } else {
        failure = `http_${response.statusCode}`;
        await response.body.dump();
      }
    } catch (error) {
      failure = this.#stopped ? CANCELLED : errorCode(error);
    }
    return { frameTimes, endedAt: performance.now(), usage, failure };
  }

  #post(chat: Chat): Promise<Dispatcher.ResponseData> {
    return this.#pool.request({
      method: "POST",
      path: this.#path,
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({
        model: chat.model,
        messages: [{ role: "user", content: chat.prompt }],
        max_tokens: chat.maxTokens,
        stream: true,
        stream_options: { include_usage: true },
      }),
    });
  }

  /** Cuts what is in flight and closes every socket. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (!this.#pool.destroyed) await this.#pool.destroy();
  }
}

function endpoint(server: URL, path: string): URL {
  const base = server.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
  return new URL(`${base}/v1/${path}`, server.origin);
}

function errorCode(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return String(code ?? name ?? error);
}
