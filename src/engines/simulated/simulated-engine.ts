import { withFields } from "../../lib/json-fields.ts";
import type { RankState } from "../../model/pool-window.ts";
import {
  type Engine,
  type EngineRequest,
  type EngineServer,
  EngineUnreachable,
  type Exchange,
  type HeaderList,
  type ModelCard,
  type ResponseSink,
  type Shard,
} from "../../serving/engine.ts";
import { BadRequest, type CompletionRequest, readCompletionRequest } from "./completion-request.ts";
import { CompletionText } from "./completion-text.ts";
import type { PoolThread, TokenListener } from "./pool-thread.ts";
import { RankStopped } from "./rank-stopped.ts";
import { SimulatedExchange } from "./simulated-exchange.ts";
import { type PoolAnswers, SimulatedServer } from "./simulated-server.ts";

/** Output tokens of a request that sets no limit. */
const DEFAULT_OUTPUT_TOKENS = 256;

/** Headers that say which experts a request uses, the first before the second: what `replay` has of a trace's classes, and
 * a request's tenant by custom, whether the gateway believes it or not. */
const ORIGIN_HEADERS = ["x-traffic-class", "x-tenant-id"];

export interface SimulatedEngineOptions {
  readonly pool: string;
  readonly model: string;
  readonly ranks: number;
  readonly thread: PoolThread;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** The OpenAI routes of a simulated pool; every rank is a shard, and a server of its own. */
export class SimulatedEngine implements Engine, PoolAnswers {
  readonly pool: string;
  readonly shards: readonly Shard[];
  readonly servers: readonly EngineServer[];
  readonly #model: string;
  readonly #thread: PoolThread;
  readonly #wallClock: () => number;
  readonly #startedAt: number;
  #serial = 0;
  #asked: Promise<readonly RankState[] | null> | null = null;

  constructor({ pool, model, ranks, thread, wallClock }: SimulatedEngineOptions) {
    this.pool = pool;
    this.shards = Array.from({ length: ranks }, (_, rank) => ({ id: `${pool}/${rank}`, pool, rank }));
    this.servers = this.shards.map((shard) => new SimulatedServer(shard, this));
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

  refuses(rank: number): boolean {
    return this.#thread.refuses(rank);
  }

  /** One answer for all who ask meanwhile. */
  rankStates(): Promise<readonly RankState[] | null> {
    this.#asked ??= this.#askRanks().finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  send(shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange {
    const exchange = new SimulatedExchange(sink);
    void this.#serve(shard, request, exchange);
    return exchange;
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }

  async #askRanks(): Promise<readonly RankState[] | null> {
    try {
      return await this.#thread.ask<"ranks">({ kind: "ranks" });
    } catch (cause) {
      throw this.#gone(cause);
    }
  }

  async #maxTokens(): Promise<number> {
    try {
      return await this.#thread.ready();
    } catch (cause) {
      throw this.#gone(cause);
    }
  }

  #gone(cause: unknown): EngineUnreachable {
    return new EngineUnreachable(`the simulated pool ${this.pool}`, "is gone", { cause });
  }

  async #serve(shard: Shard, request: EngineRequest, exchange: SimulatedExchange): Promise<void> {
    const path = request.path.split("?", 1)[0];
    try {
      // Every answer waits for the pool's first snapshot.
      const maxTokens = await this.#thread.ready();
      if (exchange.over) return;
      if (this.refuses(shard.rank)) {
        const cause = new RankStopped(shard.rank);
        return exchange.fail("takes no connections", { mayHaveBegun: false, nobodyThere: true, cause });
      }
      if (request.method === "GET" && path === "/v1/models") {
        answer(exchange, 200, { object: "list", data: await this.models() });
      } else if (
        request.method === "POST" &&
        (path === "/v1/chat/completions" || path === "/v1/completions")
      ) {
        const completion = readCompletionRequest(path === "/v1/chat/completions", wholeBody(request));
        this.#complete(shard, completion, originOf(request.headers), maxTokens, exchange);
      } else refuse(exchange, 404, `A simulated engine has no ${request.method} ${path}.`, null);
    } catch (error) {
      if (error instanceof BadRequest) refuse(exchange, 400, error.message, error.param);
      else exchange.fail("is gone", { mayHaveBegun: false, cause: error as Error });
    }
  }

  #complete(
    shard: Shard,
    request: CompletionRequest,
    tenant: string | null,
    maxTokens: number,
    exchange: SimulatedExchange,
  ): void {
    if (request.model !== this.#model) {
      return refuse(exchange, 404, `The model \`${request.model}\` does not exist.`, "model");
    }
    const outputTokens = request.maxTokens ?? DEFAULT_OUTPUT_TOKENS;
    const total = request.inputTokens + outputTokens;
    if (total > maxTokens) {
      const message = `This model's maximum context length is ${maxTokens} tokens; ${total} were asked for.`;
      return refuse(exchange, 400, message, request.chat ? "messages" : "prompt");
    }
    const id = `${request.chat ? "chatcmpl" : "cmpl"}-${++this.#serial}`;
    const text = new CompletionText(
      request,
      id,
      Math.floor(this.#wallClock() / 1000),
      request.maxTokens === null ? "stop" : "length",
    );
    // The response headers of a stream are sent at once, every token as it is made.
    if (request.stream) exchange.headers(200, "text/event-stream; charset=utf-8");
    const token = request.stream ? streamed(exchange, text) : whole(exchange, text);
    const lost = (cause: Error) => exchange.fail(`failed (${cause.message})`, { mayHaveBegun: true, cause });
    const { inputTokens } = request;
    exchange.begun(this.#thread.submit(shard.rank, inputTokens, outputTokens, tenant, { token, lost }));
  }
}

/** Whose request it is, or of which class, which decides its experts; null where the client does not say. */
function originOf(headers: HeaderList): string | null {
  for (const header of ORIGIN_HEADERS) {
    const name = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === header);
    if (name >= 0) return headers[name + 1];
  }
  return null;
}

function wholeBody({ body, added = "" }: EngineRequest): Uint8Array | null {
  return body === null || added === "" ? body : Buffer.concat(withFields(body, added));
}

function streamed(exchange: SimulatedExchange, text: CompletionText): TokenListener["token"] {
  return (routed) => {
    exchange.data(text.frame(routed !== null));
    if (routed !== null) exchange.end(routed);
  };
}

function whole(exchange: SimulatedExchange, text: CompletionText): TokenListener["token"] {
  return (routed) => {
    text.add();
    if (routed === null) return;
    exchange.headers(200, "application/json");
    exchange.data(text.whole());
    exchange.end(routed);
  };
}

function answer(exchange: SimulatedExchange, status: number, value: unknown): void {
  exchange.headers(status, "application/json");
  exchange.data(JSON.stringify(value));
  exchange.end(null);
}

/** An error as vLLM words it. */
function refuse(exchange: SimulatedExchange, status: number, message: string, param: string | null): void {
  const type = status === 404 ? "NotFoundError" : "BadRequestError";
  answer(exchange, status, { error: { message, type, param, code: status } });
}
