import type { Readable } from "node:stream";

/** One place a request can be sent: a rank of a pool, or a whole server where ranks are not visible. */
export interface Shard {
  /** Unique over the gateway, e.g. `demo/7` or `chat/http://10.0.0.1:8000`. */
  readonly id: string;
  readonly pool: string;
  /** Data-parallel rank within the pool. */
  readonly rank: number;
}

export interface EngineRequest {
  readonly method: "GET" | "POST";
  /** Path and query as the client sent them, e.g. `/v1/chat/completions`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The client's body, byte for byte. */
  readonly body: Uint8Array | null;
}

export interface EngineResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Destroying it aborts the work upstream. */
  readonly body: Readable;
}

export interface ModelCard {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** One pool of inference servers as the gateway sees it. One adapter per kind of engine; one contract suite for all. */
export interface Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  /** What the pool serves, as its `/v1/models` lists it. Rejects with EngineUnreachable when it cannot be asked. */
  models(): Promise<readonly ModelCard[]>;
  /** Resolves when the response's head has arrived. Aborting `signal` frees the request upstream. */
  forward(shard: Shard, request: EngineRequest, signal: AbortSignal): Promise<EngineResponse>;
  /** Aborts what is in flight and frees connections and threads. */
  close(): Promise<void>;
}

/** No response could be had: refused, reset or timed out before the first byte. */
export class EngineUnreachable extends Error {
  override readonly name = "EngineUnreachable";
  /** Whether the engine may have received the request; if not, another shard may be tried. */
  readonly mayHaveBegun: boolean;

  constructor(message: string, options: { readonly mayHaveBegun?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.mayHaveBegun = options.mayHaveBegun ?? false;
  }
}
