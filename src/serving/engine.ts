import type { FieldPlaces } from "../lib/json-fields.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { ServerPart } from "../model/server-part.ts";
import type { Pairing } from "./pairing.ts";

/** One place a request can be sent: a rank of a pool, or a whole server where ranks are not visible. */
export interface Shard {
  /**
   * Unique over the gateway, e.g. `demo/7`, `chat/http://10.0.0.1:8000`, `chat/http://10.0.0.1:8000@3`, or `chat/engine-0@3`
   * where its server has a name.
   */
  readonly id: string;
  /** What is remembered of a shard is of this one alone: another server may have its name or address later. Absent: `id`. */
  readonly instance?: string;
  readonly pool: string;
  /** The shard's index in `Engine.shards`: its data-parallel rank within the pool. */
  readonly rank: number;
  /** Which part its server is to get; absent: as much as any. */
  readonly part?: ServerPart;
}

/** Two shards are the same where this is. */
export function instanceOf({ id, instance = id }: Shard): string {
  return instance;
}

/** Header names and values in turn, as they were received: `[name, value, name, value, …]`. */
export type HeaderList = readonly string[];

export interface EngineRequest {
  readonly method: "GET" | "POST" | "DELETE" | "OPTIONS";
  /** The route's own path with the client's query, e.g. `/v1/chat/completions`. */
  readonly path: string;
  /** Without those of one connection only (RFC 9110 §7.6.1). */
  readonly headers: HeaderList;
  /** The client's body, byte for byte. */
  readonly body: Uint8Array | null;
  /** Where the fields of a body are that is a JSON object; absent where nobody has read them. */
  readonly fields?: FieldPlaces | undefined;
  /** Fields that are added to such a body on its way, e.g. `"a":1,"b":2`; of two of one name the later counts. */
  readonly added?: string | undefined;
  /** The client asks for the experts that its tokens were routed to (`return_routed_experts`). */
  readonly asksForExperts?: boolean | undefined;
  /**
   * Makes the id under which the server may keep its answer, another one whenever it is sent; absent where that is the
   * server's choice.
   */
  readonly answerId?: (() => string) | undefined;
}

export interface ResponseHeaders {
  readonly status: number;
  /** As the engine sent them, those of its connection included. */
  readonly headers: HeaderList;
  /** Part of the shard's KV cache in use, 0 to 1, where the engine reports it with its answer (ORCA); else null. */
  readonly kvUse: number | null;
}

/**
 * Receives a response as it arrives: `headers` once, `data` any number of times, then `end`; or `fail`, at any time,
 * and nothing after it. Never called from within `send`, nor after `cancel`.
 */
export interface ResponseSink {
  headers(response: ResponseHeaders): void;
  /** The chunk is the sink's from now on. @returns false to get no more until `resume` */
  data(chunk: Buffer): boolean;
  /**
   * Some of the request's tokens with the experts they went to, at the model's MoE layers: any number of times, before
   * `end`, from engines that report them. Absent where nobody asks.
   */
  routed?(routing: RoutingTrace): void;
  /**
   * Another shard has the request than the one it was sent to, which failed it: a proxy has sent it on. Before
   * `headers`. Absent where that cannot be.
   */
  movedTo?(shard: Shard): void;
  end(): void;
  fail(fault: EngineUnreachable): void;
}

/** A request under way. */
export interface Exchange {
  /** After a `data` that returned false. */
  resume(): void;
  /** Frees the request upstream; the sink receives nothing more. Harmless when all is over. */
  cancel(): void;
}

export interface ModelCard {
  readonly id: string;
  readonly [field: string]: unknown;
}

/** The load that a shard reports. */
export interface ShardLoad {
  readonly running: number;
  readonly waiting: number;
  /** Part of the KV cache in use, 0 to 1; null where the engine does not report it. */
  readonly kvUse: number | null;
  /** The KV cache's capacity in tokens; null where the engine does not report it. */
  readonly kvCapacityTokens: number | null;
}

/** What a server answers when it is asked for its health. */
export interface ServerHealth {
  /** Whether it can serve now; false while it loads its model, or when it has failed. */
  readonly ready: boolean;
  /** One clause for a person when `ready` is false, e.g. `GET /health answered 503`; else null. Names no server. */
  readonly lack: string | null;
}

/** What a server reports about the load of one of its shards. */
export interface LoadReport {
  /** False where it says that it has no such rank, or one that has no KV cache yet. */
  readonly serves: boolean;
  /** Null where the engine reports no load; such a shard is routed to by what the gateway has in flight on it. */
  readonly load: ShardLoad | null;
  /** One clause for a person when `serves` is false or `load` is null, e.g. `GET /v1/loads answered 404`; else null. */
  readonly lack: string | null;
}

/**
 * What is asked together: one server with its ranks. Each question rejects with EngineUnreachable when there is no
 * answer. Only the server's own answer about its health says whether it is ready.
 */
export interface EngineServer {
  /** For a person: its URL, or the pool's name where there is none. */
  readonly name: string;
  readonly shards: readonly Shard[];
  /** Chunks of good answers received from it; absent where nobody counts. */
  readonly received?: number;
  health(signal: AbortSignal): Promise<ServerHealth>;
  /** The loads of `shards`, in their order. */
  loads(signal: AbortSignal): Promise<readonly LoadReport[]>;
  /** What the server lists. */
  models(signal: AbortSignal): Promise<readonly ModelCard[]>;
}

/** Two servers are the same where this is. */
export function serverInstance({ shards: [first] }: EngineServer): string {
  return instanceOf(first);
}

/**
 * How many of the values found in answers were read; were cut off or longer than is kept, in a form whose beginning
 * cannot be read by itself; had another shape than the model's, or a form that is not known.
 */
export type RoutedExpertsCounts = Readonly<Record<"read" | "truncated" | "foreign", number>>;

/** What a proxy has to know that sends requests to a pool's servers in the engine's place. */
export interface OutsideAccess {
  /** `[shards]`: the IP address and port of each one's server; null where no address is known. Ranks share theirs. */
  readonly addresses: readonly (string | null)[];
  /** The request as that shard has to receive it: with what names the rank and proves who asks. */
  prepare(shard: Shard, request: EngineRequest): EngineRequest;
}

/** One pool of inference servers as the gateway sees it. One adapter per kind of engine; one contract suite for all. */
export interface Engine {
  readonly pool: string;
  readonly shards: readonly Shard[];
  /** Every shard is one server's. */
  readonly servers: readonly EngineServer[];
  /** How its prefills are paired with another engine's decodes; absent where they cannot be. */
  readonly pairing?: Pairing;
  /** Absent where answers are not looked into. */
  readonly routedExperts?: RoutedExpertsCounts;
  /** The character between a model and its adapter in a name (SGLang's `base:adapter`); absent where there is none. */
  readonly adapterMark?: string;
  /** Absent where nobody else can send requests to its servers. */
  readonly outside?: OutsideAccess;
  /** Sends the request to that rank and no other. */
  send(shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange;
  /**
   * The id of what serves a request of that path: the shard, or its server, where requests of that route cannot name a
   * rank. Absent where it always is the shard.
   */
  servedBy?(shard: Shard, path: string): string;
  /** Aborts what is in flight and frees connections and threads. */
  close(): Promise<void>;
}

/** There was no response, or it broke off. */
export class EngineUnreachable extends Error {
  override readonly name = "EngineUnreachable";
  /** The same without the name of the server, which is not for clients. */
  readonly forClients: string;
  /** Whether the engine may have received the request. */
  readonly mayHaveBegun: boolean;
  /** Whether nobody takes connections there: the server is down, not slow. */
  readonly nobodyThere: boolean;

  /**
   * @param what a clause that follows the server's name, e.g. `broke off its response`
   * @param options.code of the cause, for the log: clients are not told
   */
  constructor(
    server: string,
    what: string,
    options: {
      readonly mayHaveBegun?: boolean;
      readonly nobodyThere?: boolean;
      readonly code?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${server} ${what}${options.code === undefined ? "" : ` (${options.code})`}.`, {
      cause: options.cause,
    });
    this.forClients = `The engine ${what}.`;
    this.mayHaveBegun = options.mayHaveBegun ?? false;
    this.nobodyThere = options.nobodyThere ?? false;
  }

  /** Whether a time limit ended it: to send it once more would take as long again. */
  get timedOut(): boolean {
    return this.mayHaveBegun && errorCode(this.cause).includes("TIMEOUT");
  }

  get reason(): "engine_failed" | "engine_timeout" | "engine_unreachable" {
    if (this.timedOut) return "engine_timeout";
    return this.mayHaveBegun ? "engine_failed" : "engine_unreachable";
  }
}

/** The code of a system's or library's error; empty where there is none. */
function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
