import { InputError } from "../../lib/errors.ts";
import type {
  Engine,
  EngineRequest,
  EngineServer,
  Exchange,
  HeaderList,
  ResponseSink,
  Shard,
} from "../../serving/engine.ts";
import type { Dialect } from "./dialect.ts";
import { HttpServer } from "./http-server.ts";
import { withHeaders } from "./request-headers.ts";
import { ServerConnections, type Timeouts } from "./server-connections.ts";

export interface HttpEngineOptions {
  readonly pool: string;
  /** Where the servers are, e.g. `http://10.0.0.1:8000`; a request's path is appended. */
  readonly urls: readonly string[];
  /** Data-parallel ranks behind each URL, each a shard; 1 leaves the choice of the rank to the server. */
  readonly dataParallelSize: number;
  /**
   * The number of the first rank behind each URL. 0 for servers that stand alone; where the servers are parts of one
   * deployment that numbers its ranks throughout (vLLM's hybrid balancing: `--data-parallel-start-rank`), the number
   * of ranks before it. Null for 0 everywhere.
   */
  readonly rankOffsets: readonly number[] | null;
  /** Sent as a bearer token in place of the client's authorization; null to pass the client's on. */
  readonly apiKey: string | null;
  readonly timeouts: Timeouts;
}

interface Route {
  readonly connections: ServerConnections;
  /** What sends a request to the shard's rank, with all else the engine sets. */
  readonly headers: HeaderList;
}

/** A pool of HTTP servers of one kind. */
export class HttpEngine implements Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  readonly servers: readonly EngineServer[];
  readonly #dialect: Dialect;
  readonly #connections: readonly ServerConnections[];
  /** `[shards]` */
  readonly #routes: readonly Route[];

  /** @throws InputError when there are ranks that this kind of server cannot be told apart by, or offsets amiss */
  constructor(dialect: Dialect, options: HttpEngineOptions) {
    const { pool, urls, apiKey, timeouts } = options;
    const offsets = checkedOffsets(dialect, options);
    const authorization = apiKey === null ? [] : ["authorization", `Bearer ${apiKey}`];
    const shards: Shard[] = [];
    const servers: HttpServer[] = [];
    const routes: Route[] = [];
    this.#connections = urls.map((url) => new ServerConnections(url, timeouts, authorization));
    for (const [index, connections] of this.#connections.entries()) {
      const ranks = Array.from({ length: options.dataParallelSize }, (_, local) => offsets[index] + local);
      const own = ranks.map((rank, local): Shard => {
        const id = ranks.length === 1 ? `${pool}/${connections.url}` : `${pool}/${connections.url}@${rank}`;
        return { id, pool, rank: shards.length + local };
      });
      shards.push(...own);
      servers.push(new HttpServer(dialect, connections, own, ranks));
      for (const rank of ranks) {
        const pin = dialect.rankHeader === null || ranks.length === 1 ? [] : [dialect.rankHeader, `${rank}`];
        routes.push({ connections, headers: [...authorization, ...pin, ...dialect.headers] });
      }
    }
    this.pool = pool;
    this.shards = shards;
    this.servers = servers;
    this.#dialect = dialect;
    this.#routes = routes;
  }

  send(shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange {
    const { connections, headers } = this.#routes[shard.rank];
    const readKvUse = this.#dialect.kvUseReader?.(request.headers) ?? null;
    return connections.send(request, withHeaders(request.headers, headers), sink, readKvUse);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connections) => connections.close()));
  }
}

function checkedOffsets(dialect: Dialect, options: HttpEngineOptions): readonly number[] {
  const { pool, urls, dataParallelSize, rankOffsets } = options;
  if (dataParallelSize > 1 && dialect.rankHeader === null) {
    const mend = `is ${dataParallelSize}, but no request can name a rank to ${dialect.name}; expected 1`;
    throw new InputError(`pool ${pool}`, "dataParallelSize", mend);
  }
  if (rankOffsets === null) return urls.map(() => 0);
  if (rankOffsets.length !== urls.length) {
    const mend = `has ${rankOffsets.length} numbers; expected one for each of the ${urls.length} URLs`;
    throw new InputError(`pool ${pool}`, "rankOffsets", mend);
  }
  return rankOffsets;
}
