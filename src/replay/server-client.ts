import { type Dispatcher, Pool } from "undici";
import { InputError } from "../lib/errors.ts";
import { lightConnector } from "./light-sockets.ts";
import { modelsPath, shownUrl, type Target } from "./target.ts";

const QUESTION_MS = 10_000;
/** uvicorn, under vLLM and SGLang, closes a connection that was idle for five seconds; this side must be first. */
const KEPT_ALIVE_MS = 4000;

/** Headers of every request that names no others. */
const USUAL = [
  ["content-type", "application/json"],
  ["accept", "text/event-stream, application/json"],
  // What is compressed comes when the compressor lets it go.
  ["accept-encoding", "identity"],
];

/** Codes of certificates that nobody trusted has signed, or that are another's. */
const UNTRUSTED = /CERT|UNABLE_TO_VERIFY/;

/** How a server answered the question for its models. */
export interface ListedModels {
  /** HTTP's. */
  readonly status: number;
  /** None where it has no such list. */
  readonly ids: readonly string[];
}

/** The sockets to one server. */
export class ServerClient {
  readonly #target: Target;
  /** Of every request with a body. */
  readonly #headers: readonly string[];
  /** Names of those that a person gave, in small letters: they go before a request's own. */
  readonly #named: ReadonlySet<string>;
  readonly #pool: Pool;
  /** Whose handlers keep nothing that they are given. */
  readonly #posts: Pool;
  #stopped: Promise<unknown> | null = null;

  /** @param sockets at most at one time; further requests wait */
  constructor(target: Target, sockets: number) {
    this.#target = target;
    this.#named = new Set(target.headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()));
    const own = USUAL.filter(([name]) => !this.#named.has(name)).flat();
    this.#headers = [...own, ...target.headers];
    const connect = { rejectUnauthorized: !target.insecure, timeout: 0 };
    const options = {
      connections: sockets,
      pipelining: 1,
      keepAliveTimeout: KEPT_ALIVE_MS,
      // How long an answer may take is what is measured.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    this.#pool = new Pool(target.url.origin, { ...options, connect });
    this.#posts = new Pool(target.url.origin, { ...options, connect: lightConnector(connect) });
  }

  get stopped(): boolean {
    return this.#stopped !== null;
  }

  /**
   * Sends JSON.
   * @param headers name and value in turn, behind the target's; those that it names are left out
   * @param handler makes its own what it keeps of a body
   */
  post(path: string, headers: readonly string[], body: string, handler: Dispatcher.DispatchHandler): void {
    const reset = !this.#target.keepAlive;
    const more = headers.filter((_, i) => !this.#named.has(headers[i - (i % 2)].toLowerCase()));
    this.#posts.dispatch(
      { method: "POST", path, headers: [...this.#headers, ...more], body, reset },
      handler,
    );
  }

  /**
   * What the server lists under `/v1/models`.
   * @throws InputError when it does not answer, or sends elsewhere
   */
  async models(): Promise<ListedModels> {
    const { url } = this.#target;
    const { status, location, text } = await this.#askModels();
    if (status >= 300 && status < 400 && location !== null)
      throw new InputError(shownUrl(url), "", `redirects to ${shownPlace(location, url)}; give that URL`);
    return { status, ids: listed(text) };
  }

  async #askModels(): Promise<{ status: number; location: string | null; text: string }> {
    const { url, headers } = this.#target;
    try {
      const {
        statusCode,
        headers: answered,
        body,
      } = await this.#pool.request({
        method: "GET",
        path: modelsPath(url),
        headers: [...headers],
        signal: AbortSignal.timeout(QUESTION_MS),
      });
      const { location } = answered;
      const text = await body.text();
      return { status: statusCode, location: typeof location === "string" ? location : null, text };
    } catch (error) {
      const why = codeOf(error);
      const hint = UNTRUSTED.test(why) ? "; --insecure takes any certificate" : "";
      throw new InputError(shownUrl(url), "", `cannot be reached (${why})${hint}`);
    }
  }

  /** Cuts what is in flight and closes every socket. */
  async stop(): Promise<void> {
    this.#stopped ??= Promise.all([this.#posts.destroy(), this.#pool.destroy()]);
    await this.#stopped;
  }
}

/** The base URL where a redirection of its models leads, without what may be secret. */
function shownPlace(location: string, from: URL): string {
  const to = URL.parse(location, from);
  if (to === null) return "another place";
  to.pathname = to.pathname.replace(/\/models\/?$/, "");
  return shownUrl(to);
}

function listed(text: string): string[] {
  try {
    const cards = (JSON.parse(text) as { data?: { id?: unknown }[] } | null)?.data;
    if (!Array.isArray(cards)) return [];
    return cards.map((card) => card?.id).filter((id) => typeof id === "string");
  } catch {
    return [];
  }
}

/** A connection tried on several addresses fails with all their errors; they share the code of the first. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : String(name ?? error);
}
