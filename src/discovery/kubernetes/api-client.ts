import { Agent, request } from "undici";
import { readRegularFile } from "../../files/read-regular-file.ts";
import type { KubernetesDiscovery } from "../../config/discover-config.ts";
import { ApiFault, faultOf } from "./api-fault.ts";
import { jsonLines } from "./json-lines.ts";

/** Slices that one answer lists. */
const PAGE = 500;
const MOST_PAGE_BYTES = 64 << 20;
const CONNECT_MS = 5000;
const ANSWER_MS = 15_000;
/**
 * A watch is ended by the server after so long, and taken up where it was: what a lost connection hides shows by then.
 */
const WATCH_S = 60;
const WATCH_SILENT_MS = (WATCH_S + 15) * 1000;
const FILE_RULES = { mostBytes: 1 << 20, smaller: "is it a token, or a certificate?", followLinks: true };

interface SliceList {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
}

/** What a watch says: `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`, and of what. */
export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** Asks one API server for the EndpointSlices of a namespace. Everything throws ApiFault. */
export class ApiClient {
  readonly #terms: KubernetesDiscovery;
  readonly #signal: AbortSignal;
  #agent: Agent | null = null;

  constructor(terms: KubernetesDiscovery, signal: AbortSignal) {
    this.#terms = terms;
    this.#signal = signal;
  }

  /** All of them, page by page, as they were at one time. */
  async list(): Promise<SliceList> {
    const items: unknown[] = [];
    let next = "";
    for (;;) {
      const query = new URLSearchParams({ limit: `${PAGE}`, ...(next === "" ? {} : { continue: next }) });
      const answer = await this.#ask("list", query, ANSWER_MS);
      const page = parsed(await textOf(answer));
      if (!Array.isArray(page.items)) throw new ApiFault("cannot be read: the answer is no list");
      items.push(...(page.items as unknown[]));
      const { resourceVersion = "", continue: more = "" } = page.metadata ?? {};
      if (more === "") return { items, resourceVersion };
      next = more;
    }
  }

  /** What changes from that version on, until the server ends it. */
  async *watch(resourceVersion: string): AsyncGenerator<WatchEvent, void> {
    const query = new URLSearchParams({
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: `${WATCH_S}`,
      resourceVersion,
    });
    const body = await this.#ask("watch", query, WATCH_SILENT_MS);
    try {
      for await (const line of jsonLines(body)) yield line as WatchEvent;
    } catch (error) {
      throw faultIn(error, this.#signal);
    }
  }

  /** What comes next connects anew, by the certificates there are then. */
  async reset(): Promise<void> {
    const agent = this.#agent;
    this.#agent = null;
    await agent?.destroy();
  }

  async #ask(verb: string, query: URLSearchParams, silentMs: number) {
    const { server, namespace, selector } = this.#terms;
    query.set("labelSelector", selector);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
    const headers = { accept: "application/json", ...(await this.#authorization()) };
    this.#agent ??= await this.#connect();
    try {
      const { statusCode, body } = await request(`${server}${path}?${query.toString()}`, {
        dispatcher: this.#agent,
        headers,
        headersTimeout: ANSWER_MS,
        bodyTimeout: silentMs,
        signal: this.#signal,
      });
      if (statusCode === 200) return body;
      throw faultOf(statusCode, verb, namespace, await textOf(body));
    } catch (error) {
      throw faultIn(error, this.#signal);
    }
  }

  /** Tokens of ServiceAccounts are replaced before they expire. */
  async #authorization(): Promise<{ readonly authorization?: string }> {
    const { tokenFile } = this.#terms;
    return tokenFile === null ? {} : { authorization: `Bearer ${(await readText(tokenFile)).trim()}` };
  }

  async #connect(): Promise<Agent> {
    const { caFile } = this.#terms;
    const ca = caFile === null ? {} : { ca: await readText(caFile) };
    return new Agent({ connect: { timeout: CONNECT_MS, ...ca }, connections: 2 });
  }
}

interface Page {
  readonly items?: unknown;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

function parsed(text: string): Page {
  try {
    return (JSON.parse(text) ?? {}) as Page;
  } catch {
    throw new ApiFault("cannot be read: the answer is no JSON");
  }
}

/** @throws ApiFault for a body that is too long */
async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MOST_PAGE_BYTES) throw new ApiFault("cannot be read: the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await readRegularFile(path, FILE_RULES));
  } catch (error) {
    throw new ApiFault(`cannot be read: ${(error as Error).message}`);
  }
}

function faultIn(error: unknown, signal: AbortSignal): Error {
  if (error instanceof ApiFault || signal.aborted) return error as Error;
  const { code, name } = error as NodeJS.ErrnoException;
  return new ApiFault(`cannot be read: no whole answer (${code ?? name})`);
}
