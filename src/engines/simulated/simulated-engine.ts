import { Readable } from "node:stream";
import {
  type Engine,
  type EngineRequest,
  type EngineResponse,
  EngineUnreachable,
  type ModelCard,
  type Shard,
} from "../../serving/engine.ts";
import { BadRequest, type CompletionRequest, readCompletionRequest } from "./completion-request.ts";
import { CompletionText } from "./completion-text.ts";
import type { PoolThread } from "./pool-thread.ts";

/** Output tokens of a request that sets no limit. */
const DEFAULT_OUTPUT_TOKENS = 256;

export interface SimulatedEngineOptions {
  readonly pool: string;
  readonly model: string;
  readonly ranks: number;
  readonly thread: PoolThread;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** The OpenAI routes of a simulated pool; every rank is a shard. */
export class SimulatedEngine implements Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  readonly #model: string;
  readonly #thread: PoolThread;
  readonly #wallClock: () => number;
  readonly #startedAt: number;
  #serial = 0;

  constructor({ pool, model, ranks, thread, wallClock }: SimulatedEngineOptions) {
    this.pool = pool;
    this.shards = Array.from({ length: ranks }, (_, rank) => ({ id: `${pool}/${rank}`, pool, rank }));
    this.#model = model;
    this.#thread = thread;
    this.#wallClock = wallClock;
    this.#startedAt = Math.floor(wallClock() / 1000);
  }

  async models(): Promise<readonly ModelCard[]> {
    return [
      {
        id: this.#model,
        object: "model",
        created: this.#startedAt,
        owned_by: "plimsoll",
        max_model_len: await this.#maxTokens(),
      },
    ];
  }

  async forward(shard: Shard, request: EngineRequest, signal: AbortSignal): Promise<EngineResponse> {
    signal.throwIfAborted();
    const path = request.path.split("?", 1)[0];
    try {
      if (request.method === "GET" && path === "/v1/models") {
        return json(200, JSON.stringify({ object: "list", data: await this.models() }));
      }
      if (request.method === "POST" && (path === "/v1/chat/completions" || path === "/v1/completions")) {
        const completion = readCompletionRequest(path === "/v1/chat/completions", request.body);
        return await this.#complete(shard, completion, signal);
      }
      return refusal(404, `A simulated engine has no ${request.method} ${path}.`, null);
    } catch (error) {
      if (error instanceof BadRequest) return refusal(400, error.message, error.param);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  async #maxTokens(): Promise<number> {
    try {
      return await this.#thread.ready();
    } catch (cause) {
      throw new EngineUnreachable(`the simulated pool ${this.pool} is gone`, { cause });
    }
  }

  async #complete(shard: Shard, request: CompletionRequest, signal: AbortSignal): Promise<EngineResponse> {
    if (request.model !== this.#model)
      return refusal(404, `The model \`${request.model}\` does not exist.`, "model");
    const maxTokens = await this.#maxTokens();
    signal.throwIfAborted();
    const outputTokens = request.maxTokens ?? DEFAULT_OUTPUT_TOKENS;
    const total = request.inputTokens + outputTokens;
    if (total > maxTokens) {
      const message = `This model's maximum context length is ${maxTokens} tokens; ${total} were asked for.`;
      return refusal(400, message, request.chat ? "messages" : "prompt");
    }
    const id = `${request.chat ? "chatcmpl" : "cmpl"}-${++this.#serial}`;
    const text = new CompletionText(
      request,
      id,
      Math.floor(this.#wallClock() / 1000),
      request.maxTokens === null ? "stop" : "length",
    );
    const start = (listener: Parameters<PoolThread["submit"]>[3]) =>
      this.#thread.submit(shard.rank, request.inputTokens, outputTokens, listener);
    return request.stream ? streamed(text, start, signal) : whole(text, start, signal);
  }
}

type Start = (listener: Parameters<PoolThread["submit"]>[3]) => () => void;

/** The head goes out at once, every token as it is made. Destroying the body frees the request. */
function streamed(text: CompletionText, start: Start, signal: AbortSignal): EngineResponse {
  let cancel = () => {};
  const body = new Readable({
    signal,
    // Tokens are made at the pool's pace, whether they are read or not: a request's length bounds the buffer.
    read: () => {},
    destroy: (error, done) => {
      cancel();
      done(error);
    },
  });
  cancel = start({
    token: (last) => {
      body.push(text.frame(last));
      if (last) body.push(null);
    },
    lost: (cause) => body.destroy(cause),
  });
  return { status: 200, headers: { "content-type": "text/event-stream; charset=utf-8" }, body };
}

function whole(text: CompletionText, start: Start, signal: AbortSignal): Promise<EngineResponse> {
  return new Promise((resolve, reject) => {
    const cancel = start({
      token: (last) => {
        text.add();
        if (!last) return;
        signal.removeEventListener("abort", abort);
        resolve(json(200, text.whole()));
      },
      lost: (cause) => {
        signal.removeEventListener("abort", abort);
        reject(new EngineUnreachable("the simulated pool is gone", { mayHaveBegun: true, cause }));
      },
    });
    const abort = () => {
      cancel();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}

function json(status: number, text: string): EngineResponse {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: Readable.from([Buffer.from(text)], { objectMode: false }),
  };
}

/** An error as vLLM words it. */
function refusal(status: number, message: string, param: string | null): EngineResponse {
  const type = status === 404 ? "NotFoundError" : "BadRequestError";
  return json(status, JSON.stringify({ error: { message, type, param, code: status } }));
}
