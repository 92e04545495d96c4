import { Pool } from "undici";
import {
  type Engine,
  type EngineRequest,
  type EngineResponse,
  EngineUnreachable,
  type ModelCard,
  type Shard,
} from "../../serving/engine.ts";

export interface Timeouts {
  readonly connectTimeoutMs: number;
  /** From the request to the head of the response. */
  readonly headTimeoutMs: number;
  /** The longest silence inside a response's body. */
  readonly idleTimeoutMs: number;
}

interface Server {
  readonly connections: Pool;
  /** What precedes `/v1`; empty for most servers. */
  readonly prefix: string;
  readonly url: string;
}

/** A list of models is small and at hand; an engine that takes longer is in trouble. */
const MODELS_WITHIN_MS = 5000;

/** Failures to connect: the request was not sent. */
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Any OpenAI-compatible servers; each URL is one shard. */
export class OpenAiEngine implements Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  readonly #servers: readonly Server[];

  /** @param urls where the servers are, e.g. `http://10.0.0.1:8000`; `/v1/…` is appended */
  constructor(pool: string, urls: readonly string[], timeouts: Timeouts) {
    this.pool = pool;
    this.shards = urls.map((url, rank) => ({ id: `${pool}/${url}`, pool, rank }));
    this.#servers = urls.map((url) => {
      const { origin, pathname } = new URL(url);
      const connections = new Pool(origin, {
        connect: { timeout: timeouts.connectTimeoutMs },
        headersTimeout: timeouts.headTimeoutMs,
        bodyTimeout: timeouts.idleTimeoutMs,
      });
      return { connections, prefix: pathname.replace(/\/$/, ""), url };
    });
  }

  /** The first shard that can be asked speaks for all. */
  async models(): Promise<readonly ModelCard[]> {
    const [first, ...others] = this.shards;
    try {
      return await this.modelsOf(first);
    } catch (fault) {
      for (const shard of others) {
        const cards = await this.modelsOf(shard).catch(() => null);
        if (cards !== null) return cards;
      }
      throw fault;
    }
  }

  /** What one shard lists. @throws EngineUnreachable */
  async modelsOf(shard: Shard): Promise<readonly ModelCard[]> {
    const request: EngineRequest = { method: "GET", path: "/v1/models", headers: {}, body: null };
    const signal = AbortSignal.timeout(MODELS_WITHIN_MS);
    try {
      const { status, body } = await this.forward(shard, request, signal);
      const text = Buffer.concat(await body.toArray()).toString("utf8");
      if (status !== 200)
        throw new EngineUnreachable(`${shard.id} answered /v1/models with status ${status}.`);
      return modelCards(text, shard);
    } catch (error) {
      if (error instanceof EngineUnreachable) throw error;
      throw new EngineUnreachable(`${shard.id} gave no list of models: ${String(error)}.`, { cause: error });
    }
  }

  async forward(shard: Shard, request: EngineRequest, signal: AbortSignal): Promise<EngineResponse> {
    const { connections, prefix, url } = this.#servers[shard.rank];
    try {
      const response = await connections.request({
        method: request.method,
        path: prefix + request.path,
        headers: request.headers,
        body: request.body,
        signal,
      });
      return { status: response.statusCode, headers: present(response.headers), body: response.body };
    } catch (error) {
      if (signal.aborted) throw error;
      throw unreachable(url, error);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ connections }) => connections.destroy()));
  }
}

function modelCards(text: string, shard: Shard): readonly ModelCard[] {
  const { data } = JSON.parse(text) as { data?: unknown };
  if (Array.isArray(data) && data.every(isModelCard)) return data;
  throw new EngineUnreachable(`${shard.id} answered /v1/models with something else than a list of models.`);
}

function isModelCard(value: unknown): value is ModelCard {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}

function present(headers: Record<string, string | string[] | undefined>): Record<string, string | string[]> {
  return headers as Record<string, string | string[]>;
}

function unreachable(url: string, error: unknown): EngineUnreachable {
  const code = codeOf(error as Error);
  return new EngineUnreachable(`${url} gave no response (${code}).`, {
    mayHaveBegun: !NOT_SENT.has(code),
    cause: error,
  });
}

/** A connection tried on several addresses fails with all their errors; they share the code of the first. */
function codeOf(error: Error & { code?: string }): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0] as Error);
  return error.code ?? error.name;
}
