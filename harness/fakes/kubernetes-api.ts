import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** An EndpointSlice as a client writes it; the server adds the rest. */
export interface WrittenSlice {
  readonly labels: Readonly<Record<string, string>>;
  readonly addressType?: string;
  readonly ports?: readonly object[] | null;
  readonly endpoints: readonly object[] | null;
}

interface Stored extends WrittenSlice {
  readonly version: number;
}

interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly version: number;
  readonly object: object;
  readonly labels: WrittenSlice["labels"];
}

interface Watcher {
  readonly response: ServerResponse;
  readonly selector: string;
  readonly bookmarks: boolean;
}

type Tls = NonNullable<Parameters<typeof createTlsServer>[0]>;

/** What was asked, for checks. */
export interface Asked {
  readonly verb: "list" | "watch";
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
}

const PATH = /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([^/]+)\/endpointslices$/;

/**
 * EndpointSlices of one namespace, by Kubernetes' list and watch protocol: one resourceVersion for every change, lists in
 * pages of one version, watches from a version on, BOOKMARKs, and 410 for what is older than `compact` has kept. Events are
 * written in two pieces, cut anywhere.
 */
export class KubernetesApi implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Null to answer anybody. */
  token: string | null = null;
  /** A status that every request is refused with; 0 for none. */
  refuse = 0;
  /** Whether a version that is too old is answered with status 410, in place of an ERROR event. */
  goneAsStatus = false;
  readonly #server;
  readonly #namespace: string;
  readonly #slices = new Map<string, Stored>();
  readonly #pages = new Map<string, readonly object[]>();
  #history: Change[] = [];
  #version = 1000;
  #oldest = 1000;
  readonly #watchers = new Set<Watcher>();
  #url = "";

  private constructor(namespace: string, tls: Tls | null) {
    this.#namespace = namespace;
    const serve = (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response);
    this.#server = tls === null ? createServer(serve) : createTlsServer(tls, serve);
  }

  /** @param tls null for plain HTTP */
  static async start(namespace = "default", tls: Tls | null = null): Promise<KubernetesApi> {
    const api = new KubernetesApi(namespace, tls);
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    api.#url = `${tls === null ? "http" : "https"}://127.0.0.1:${(api.#server.address() as AddressInfo).port}`;
    return api;
  }

  get url(): string {
    return this.#url;
  }

  get watching(): number {
    return this.#watchers.size;
  }

  asks(verb: Asked["verb"]): readonly Asked[] {
    return this.asked.filter((one) => one.verb === verb);
  }

  put(name: string, slice: WrittenSlice): void {
    const type = this.#slices.has(name) ? "MODIFIED" : "ADDED";
    const stored = { ...slice, version: ++this.#version };
    this.#slices.set(name, stored);
    this.#happened({
      type,
      version: stored.version,
      object: this.#object(name, stored),
      labels: slice.labels,
    });
  }

  delete(name: string): void {
    const stored = this.#slices.get(name);
    if (stored === undefined) return;
    this.#slices.delete(name);
    const version = ++this.#version;
    const object = this.#object(name, { ...stored, version });
    this.#happened({ type: "DELETED", version, object, labels: stored.labels });
  }

  /** Something else in the cluster has changed; who asked for bookmarks is told the version. */
  bookmark(): void {
    this.#version += 10;
    const metadata = { resourceVersion: `${this.#version}` };
    const object = { kind: "EndpointSlice", apiVersion: "discovery.k8s.io/v1", metadata, endpoints: null };
    for (const { response, bookmarks } of this.#watchers)
      if (bookmarks) write(response, { type: "BOOKMARK", object });
  }

  /** What has happened so far is forgotten: no watch can begin before now, no list go on. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#version;
    this.#pages.clear();
  }

  /** Ends watches in the middle. */
  cut(): void {
    for (const { response } of this.#watchers) response.socket?.destroy();
    this.#watchers.clear();
  }

  /** Ends watches as their time is up. */
  timeOut(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Says to watchers that what they see is too old, as a server does whose cache has moved on. */
  expire(): void {
    for (const { response } of this.#watchers) {
      write(response, { type: "ERROR", object: gone() });
      response.end();
    }
    this.#watchers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #happened(change: Change): void {
    this.#history.push(change);
    for (const watcher of this.#watchers)
      if (matches(watcher.selector, change.labels)) write(watcher.response, change);
  }

  #object(name: string, { labels, addressType = "IPv4", ports = null, endpoints, version }: Stored): object {
    return {
      kind: "EndpointSlice",
      apiVersion: "discovery.k8s.io/v1",
      metadata: {
        name,
        namespace: this.#namespace,
        resourceVersion: `${version}`,
        labels,
        uid: `uid-${name}`,
      },
      addressType,
      endpoints,
      ports,
    };
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(request.url ?? "/", this.#url);
    const { authorization } = request.headers;
    const verb = query.get("watch") === "true" ? "watch" : "list";
    this.asked.push({ verb, query, authorization });
    if (this.token !== null && authorization !== `Bearer ${this.token}`)
      return answer(response, 401, status(401, "Unauthorized", "Unauthorized"));
    if (this.refuse === 403)
      return answer(
        response,
        403,
        status(403, "Forbidden", `User "system:serviceaccount:default:gw" cannot ${verb}`),
      );
    if (this.refuse > 0)
      return answer(response, this.refuse, status(this.refuse, "InternalError", "as asked"));
    if (PATH.exec(pathname)?.[1] !== this.#namespace)
      return answer(
        response,
        404,
        status(404, "NotFound", "the server could not find the requested resource"),
      );
    if (verb === "watch") this.#watch(query, response);
    else this.#list(query, response);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const limit = Number(query.get("limit") ?? 0) || Number.POSITIVE_INFINITY;
    const token = query.get("continue") ?? "";
    const selector = query.get("labelSelector") ?? "";
    const [asOf, from] = token === "" ? [this.#version, 0] : token.split(":").map(Number);
    const all =
      token === ""
        ? [...this.#slices]
            .filter(([, { labels }]) => matches(selector, labels))
            .map(([name, one]) => this.#object(name, one))
        : this.#pages.get(`${asOf}`);
    if (all === undefined) return answer(response, 410, gone());
    const rest = from + limit < all.length;
    if (rest) this.#pages.set(`${asOf}`, all);
    answer(response, 200, {
      kind: "EndpointSliceList",
      apiVersion: "discovery.k8s.io/v1",
      metadata: { resourceVersion: `${asOf}`, ...(rest ? { continue: `${asOf}:${from + limit}` } : {}) },
      items: all.slice(from, from + limit),
    });
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    const selector = query.get("labelSelector") ?? "";
    const tooOld = from < this.#oldest;
    if (tooOld && this.goneAsStatus) return answer(response, 410, gone());
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (tooOld) {
      write(response, { type: "ERROR", object: gone() });
      response.end();
      return;
    }
    for (const change of this.#history)
      if (change.version > from && matches(selector, change.labels)) write(response, change);
    const watcher = { response, selector, bookmarks: query.get("allowWatchBookmarks") === "true" };
    this.#watchers.add(watcher);
    response.on("close", () => this.#watchers.delete(watcher));
  }
}

function write(
  response: ServerResponse,
  { type, object }: { readonly type: string; readonly object: object },
): void {
  const line = Buffer.from(`${JSON.stringify({ type, object })}\n`);
  const at = line.length % 97;
  response.write(line.subarray(0, at));
  response.write(line.subarray(at));
}

function answer(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function status(code: number, reason: string, message: string): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code };
}

function gone(): object {
  return status(410, "Expired", "too old resource version");
}

/** Of `a=b,c` selectors, as far as tests need them. */
function matches(selector: string, labels: WrittenSlice["labels"]): boolean {
  return selector.split(",").every((term) => {
    const [key, value] = term.split("=");
    return value === undefined ? key === "" || key in labels : labels[key] === value;
  });
}
