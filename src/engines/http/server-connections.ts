import { Pool } from "undici";
import type { TlsSettings } from "../../model/server-access.ts";
import {
  EngineUnreachable,
  type EngineRequest,
  type Exchange,
  type HeaderList,
  type ResponseSink,
} from "../../serving/engine.ts";
import { adviceFor } from "./connect-advice.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { Connection } from "./connection.ts";
import { connectorFor, connectorsTo } from "./connector.ts";
import { type ReadKvUse, ResponseHandler, codeOf } from "./response-handler.ts";
import { sentBody } from "./sent-body.ts";
import { WaitLimit } from "./wait-limit.ts";

/** How long to wait for a server, and how many connections to make to it. */
export interface Timeouts {
  readonly connectTimeoutMs: number;
  /**
   * From the request to the first byte of the response's body: its headers may come at once, and are no sign of life.
   */
  readonly firstTokenTimeoutMs: number;
  /** The longest silence after that. */
  readonly idleTimeoutMs: number;
  /** Most requests in flight on one server, which take a connection each; further ones wait. 0 for no limit. */
  readonly connections: number;
}

/** What a server answered to a question of the gateway's own. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Metrics of a server with many ranks and histograms have a few hundred KiB. */
const MOST_ANSWERED = 8 << 20;

/** uvicorn, under vLLM and SGLang, closes a connection that was idle for five seconds; this side must be first. */
const KEPT_ALIVE_MS = 4000;

/** One each for its health, its loads and its models, so that no question waits for another. */
const QUESTIONS = 3;

/** Codes of a failed connection where nobody listens, or there is no such host. */
const NOBODY_THERE = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND"]);

/**
 * The connections to one server: those that carry requests, and its own few for the gateway's questions. Engines that
 * take each other's place share them; the last that closes them closes them.
 */
export class ServerConnections {
  readonly url: string;
  #holders = 1;
  /** Chunks of good answers to requests. */
  received = 0;
  readonly #firstByte: WaitLimit;
  readonly #requests: ConnectionPool;
  readonly #questions: Pool;
  /** What precedes `/v1`; empty for most servers. */
  readonly #prefix: string;
  readonly #encrypted: boolean;
  /** What every request and question carries. */
  readonly ownHeaders: HeaderList;

  /**
   * @param url where the server is, e.g. `http://10.0.0.1:8000`; a request's path is appended
   * @param ownHeaders what every request and question carries; `send` is given them with the request's
   * @param tls null for what the system trusts
   */
  constructor(url: string, timeouts: Timeouts, ownHeaders: HeaderList, tls: TlsSettings | null) {
    const { origin, pathname, protocol } = new URL(url);
    const { firstTokenTimeoutMs, idleTimeoutMs, connections } = timeouts;
    this.url = url;
    this.#firstByte = new WaitLimit(firstTokenTimeoutMs);
    const to = new URL(origin);
    const connectors = connectorsTo(to, timeouts.connectTimeoutMs, tls);
    // The wait for the first byte, and silence after it, are watched here: a response that is held back is silent for no
    // fault of the server's.
    const options = { keepAliveTimeout: KEPT_ALIVE_MS, headersTimeout: 0, bodyTimeout: 0 };
    const open = () => new Connection(to, connectors, idleTimeoutMs, options);
    this.#requests = new ConnectionPool(connections, open);
    // A server whose every connection is busy must not look dead.
    this.#questions = new Pool(origin, {
      connect: connectorFor(timeouts.connectTimeoutMs, tls),
      keepAliveTimeout: KEPT_ALIVE_MS,
      connections: QUESTIONS,
      bodyTimeout: idleTimeoutMs,
      maxResponseSize: MOST_ANSWERED,
    });
    this.#encrypted = protocol === "https:";
    this.#prefix = pathname.replace(/\/$/, "");
    this.ownHeaders = ownHeaders;
  }

  /** Sends the request with these headers in place of its own. */
  send(
    request: EngineRequest,
    headers: HeaderList,
    sink: ResponseSink,
    readKvUse: ReadKvUse | null,
  ): Exchange {
    const handler = new ResponseHandler(this.url, sink, readKvUse, this, this.#firstByte);
    const sent = sentBody(request, headers, this.#encrypted);
    this.#requests.dispatch(
      {
        method: request.method,
        path: this.#prefix + request.path,
        headers: sent.headers as string[],
        // Its types leave out the iterables that it takes.
        body: sent.body as Uint8Array | null,
      },
      handler,
    );
    handler.sent();
    return handler;
  }

  /** Rejects with EngineUnreachable when there is no whole answer, whatever the reason. */
  async ask(path: string, signal: AbortSignal, method: "GET" | "POST" = "GET"): Promise<Answer> {
    try {
      const { statusCode, body } = await this.#questions.request({
        method,
        path: this.#prefix + path,
        headers: this.ownHeaders as string[],
        signal,
      });
      return { status: statusCode, text: await body.text() };
    } catch (cause) {
      const why = codeOf(cause as Error);
      const nobodyThere = NOBODY_THERE.has(why);
      const what = `gave no answer to ${method} ${path} (${why})${adviceFor(why)}`;
      throw new EngineUnreachable(this.url, what, { nobodyThere, cause });
    }
  }

  /** For one more engine. */
  shared(): this {
    this.#holders++;
    return this;
  }

  async close(): Promise<void> {
    this.#holders--;
    if (this.#holders > 0) return;
    await Promise.all([this.#requests.destroy(), this.#questions.destroy()]);
  }
}
