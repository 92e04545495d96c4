import { InputError } from "../../lib/errors.ts";
import type {
  Engine,
  EngineRequest,
  EngineServer,
  Exchange,
  HeaderList,
  OutsideAccess,
  ResponseSink,
  RoutedExpertsCounts,
  Shard,
} from "../../serving/engine.ts";
import { adding, withOtherHeaders } from "../../serving/engine-request.ts";
import type { ServerAccess } from "../../model/server-access.ts";
import type { ServerName } from "../../model/server-name.ts";
import type { ServerPart } from "../../model/server-part.ts";
import type { Pairing } from "../../serving/pairing.ts";
import { DeathWatch, type ReportsDeath } from "./death-watch.ts";
import type { Dialect } from "./dialect.ts";
import { addressOf } from "./address-of.ts";
import { HttpServer } from "./http-server.ts";
import { ORCA_ASKED, orcaKvUse, takeOrcaKvUse } from "./orca.ts";
import { RoutedExperts, type RoutedExpertsOptions } from "./routed-experts.ts";
import { accessHeaders, withoutCredentials } from "./credentials.ts";
import { headerIndex, withHeaders } from "./request-headers.ts";
import { ServerConnections, type Timeouts } from "./server-connections.ts";

export interface HttpEngineOptions {
  readonly pool: string;
  /** Where the servers are, e.g. `http://10.0.0.1:8000`, without credentials; a request's path is appended. */
  readonly urls: readonly string[];
  /** How to connect to each, in the order of `urls`; as its URL says where it is absent. */
  readonly access?: readonly ServerAccess[];
  /** What each is called where it is not by its URL, in the order of `urls`. */
  readonly names?: readonly (ServerName | null)[];
  /** Which part each is to get, in the order of `urls`; equal ones where it is absent. */
  readonly parts?: readonly ServerPart[];
  /** Data-parallel ranks behind each URL, each a shard; 1 leaves the choice of the rank to the server. */
  readonly dataParallelSize: number;
  /**
   * The number of the first rank behind each URL. 0 for independent servers; where the servers are parts of one
   * deployment that numbers its ranks throughout (vLLM's hybrid balancing: `--data-parallel-start-rank`), the number
   * of ranks before it. One for each URL.
   */
  readonly rankOffsets: readonly number[];
  /** Sent as a bearer token in place of every credential of the client's; null to forward the client's. */
  readonly apiKey: string | null;
  readonly timeouts: Timeouts;
  /** Null to relay answers as they are. */
  readonly routedExperts?: RoutedExpertsOptions | null;
  /** The engine whose place it is to take: it keeps that one's connections to the servers that stay. */
  readonly before?: Engine | null;
}

interface Route {
  readonly connections: ServerConnections;
  /** Whether the client's credentials are removed. */
  readonly keyed: boolean;
  /** Headers that send a request to the shard's rank; and the same with the question for the load. */
  readonly headers: HeaderList;
  readonly asking: HeaderList;
  /** Fields of the body that name the rank; empty for none. */
  readonly rankFields: string;
  /** The shard's id without its rank. */
  readonly server: string;
}

/** A pool of HTTP servers of one kind. */
export class HttpEngine implements Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  readonly servers: readonly EngineServer[];
  readonly pairing?: Pairing;
  readonly routedExperts?: RoutedExpertsCounts;
  readonly adapterMark?: string;
  readonly outside: OutsideAccess;
  readonly #routed: RoutedExperts | null;
  readonly #orca: boolean;
  readonly #takesAnswerId: boolean;
  readonly #reportsDeath: ReportsDeath | null;
  /** Whether requests of a path can name a rank; null where none can. */
  readonly #readsRank: ((path: string) => boolean) | null;
  /** By what they were made from, as one text. */
  readonly #connections: ReadonlyMap<string, ServerConnections>;
  /** `[shards]` */
  readonly #routes: readonly Route[];

  /**
   * @param pairing null where each shard decodes what it prefilled
   * @throws InputError for ranks that no request can name to this kind of server
   */
  constructor(dialect: Dialect, options: HttpEngineOptions, pairing: Pairing | null = null) {
    const { pool, urls, dataParallelSize, rankOffsets, apiKey, timeouts, routedExperts = null } = options;
    if (dataParallelSize > 1 && dialect.ranks === null) {
      const hint = `is ${dataParallelSize}, but no request can name a rank to ${dialect.name}; expected 1`;
      throw new InputError(`pool ${pool}`, "dataParallelSize", hint);
    }
    const shards: Shard[] = [];
    const servers: HttpServer[] = [];
    const routes: Route[] = [];
    const before = options.before instanceof HttpEngine ? options.before.#connections : null;
    const opened = new Map<string, ServerConnections>();
    for (const [index, url] of urls.entries()) {
      const access = options.access?.[index] ?? null;
      const named = options.names?.[index] ?? null;
      const part = options.parts?.[index];
      const own = accessHeaders(access, apiKey);
      const tls = access?.tls ?? null;
      const madeFrom = JSON.stringify({ url, named, timeouts, own, tls });
      const connections = before?.get(madeFrom)?.shared() ?? new ServerConnections(url, timeouts, own, tls);
      opened.set(madeFrom, connections);
      const ranks = Array.from({ length: dataParallelSize }, (_, local) => rankOffsets[index] + local);
      const serverName = named?.name ?? url;
      const server = `${pool}/${serverName}`;
      const ofServer = ranks.map((rank, local): Shard => {
        const id = ranks.length === 1 ? server : `${server}@${rank}`;
        const instance = named === null ? id : `${id} ${named.uid} ${url}`;
        return { id, instance, pool, rank: shards.length + local, ...(part === undefined ? {} : { part }) };
      });
      shards.push(...ofServer);
      servers.push(new HttpServer(serverName, dialect, connections, ofServer, ranks));
      for (const local of ranks.keys()) {
        const naming = ranks.length === 1 ? null : dialect.ranks;
        const { ownHeaders } = connections;
        const headers = naming === null ? ownHeaders : [...ownHeaders, naming.header, `${local}`];
        const keyed = headerIndex(headers, "authorization") >= 0;
        const rankFields = naming === null ? "" : naming.fields.map((name) => `"${name}":${local}`).join(",");
        const asking = [...headers, ORCA_ASKED, "JSON"];
        routes.push({ connections, keyed, headers, asking, rankFields, server });
      }
    }
    this.#connections = opened;
    this.pool = pool;
    this.shards = shards;
    this.servers = servers;
    if (pairing !== null) this.pairing = pairing;
    if (dialect.adapterMark !== null) this.adapterMark = dialect.adapterMark;
    this.#routed =
      routedExperts === null || dialect.routedExperts === null
        ? null
        : new RoutedExperts(routedExperts, dialect.routedExperts === "asked");
    if (this.#routed !== null) this.routedExperts = this.#routed.counts;
    this.#orca = dialect.orca;
    this.#takesAnswerId = dialect.takesAnswerId;
    this.#reportsDeath = dialect.reportsDeath;
    this.#readsRank = dialect.ranks?.reads ?? null;
    this.#routes = routes;
    this.outside = {
      addresses: routes.map(({ connections }) => addressOf(connections.url)),
      prepare: (shard, request) => this.#prepared(routes[shard.rank], request, routes[shard.rank].headers),
    };
  }

  send(shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange {
    if (this.#routed === null) return this.#send(shard, request, sink);
    const wrapped = this.#routed.wrap(request, sink);
    return this.#send(shard, wrapped.request, wrapped.sink);
  }

  servedBy(shard: Shard, path: string): string {
    const chosen = this.#readsRank === null || this.#readsRank(path);
    return chosen ? shard.id : this.#routes[shard.rank].server;
  }

  #send(shard: Shard, request: EngineRequest, to: ResponseSink): Exchange {
    const route = this.#routes[shard.rank];
    const { connections, headers, asking } = route;
    const sink = this.#reportsDeath === null ? to : new DeathWatch(connections.url, to, this.#reportsDeath);
    const asks = this.#orca && headerIndex(request.headers, ORCA_ASKED) < 0;
    const sent = this.#prepared(route, request, asks ? asking : headers);
    const readKvUse = asks ? takeOrcaKvUse : orcaKvUse;
    return connections.send(sent, sent.headers, sink, this.#orca ? readKvUse : null);
  }

  /** With what names the rank and the answer, and the server's own credentials in place of the client's. */
  #prepared({ keyed, rankFields }: Route, request: EngineRequest, set: HeaderList): EngineRequest {
    const client = keyed ? withoutCredentials(request.headers) : request.headers;
    const ranked = rankFields === "" ? request : this.#naming(rankFields, request);
    const { answerId } = request;
    const isNamed = answerId !== undefined && this.#takesAnswerId && request.body !== null;
    const sent = isNamed ? adding(ranked, `"request_id":${JSON.stringify(answerId())}`) : ranked;
    return withOtherHeaders(sent, withHeaders(client, set));
  }

  #naming(rankFields: string, request: EngineRequest): EngineRequest {
    if (request.body === null || this.#readsRank?.(request.path) !== true) return request;
    return adding(request, rankFields);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connections) => connections.close()));
  }
}
