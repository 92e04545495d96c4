import { Pool, errors } from "undici";
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

  async models(): Promise<readonly ModelCard[]> {
    const request: EngineRequest = { method: "GET", path: "/v1/models", headers: {}, body: null };
    let fault: unknown;
    for (const shard of this.shards) {
      try {
        const { status, body } = await this.forward(shard, request, AbortSignal.timeout(MODELS_TIMEOUT_MS));
        const text = Buffer.concat(await body.toArray()).toString("utf8");
        if (status !== 200)
          throw new EngineUnreachable(`${shard.id} answered /v1/models with status ${status}`);
        return modelCards(text, shard);
      } catch (error) {
        fault = error;
      }
    }
    throw fault instanceof EngineUnreachable ? fault : new EngineUnreachable(String(fault), { cause: fault });
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

const MODELS_TIMEOUT_MS = 5000;

function modelCards(text: string, shard: Shard): readonly ModelCard[] {
  try {
    const { data } = JSON.parse(text) as { data: ModelCard[] };
    if (data.every((card) => typeof card.id === "string")) return data;
  } catch {
    // Falls through: whatever it was, it was no list of models.
  }
  throw new EngineUnreachable(`${shard.id} answered /v1/models with something else than a list of models`);
}

function present(headers: Record<string, string | string[] | undefined>): Record<string, string | string[]> {
  return headers as Record<string, string | string[]>;
}

function unreachable(url: string, error: unknown): EngineUnreachable {
  const code = error instanceof errors.UndiciError || error instanceof Error ? codeOf(error) : "unknown";
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
