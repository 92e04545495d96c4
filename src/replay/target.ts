/** What is asked of the server. */
export const ENDPOINTS = ["chat", "completions", "embeddings"] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** A server, and how it is spoken to. */
export interface Target {
  /**
   * Base URL of an OpenAI-compatible server, with or without `/v1`, or that of an endpoint; its path and query are kept.
   */
  readonly url: URL;
  /** Name and value in turn, those of a key among them. */
  readonly headers: readonly string[];
  /** Takes any certificate. */
  readonly insecure: boolean;
  /** False: a new connection for each request. */
  readonly keepAlive: boolean;
}

const ROUTES: Readonly<Record<Endpoint, string>> = {
  chat: "chat/completions",
  completions: "completions",
  embeddings: "embeddings",
};

/** Path and query of an endpoint. */
export function pathOf(url: URL, endpoint: Endpoint): string {
  return under(url, ROUTES[endpoint]);
}

/** Path and query of the list of models. */
export function modelsPath(url: URL): string {
  return under(url, "models");
}

/** The endpoint that a URL names itself, as where its base has no `/v1` (Azure, Google); null where it is a base. */
export function endpointOf(url: URL): Endpoint | null {
  const path = withoutSlashes(url);
  return ENDPOINTS.find((endpoint) => path.endsWith(`/${ROUTES[endpoint]}`)) ?? null;
}

function under(url: URL, route: string): string {
  const path = withoutSlashes(url);
  const named = endpointOf(url);
  const base = named === null ? `${path.replace(/\/v1$/, "")}/v1/` : path.slice(0, -ROUTES[named].length);
  return `${base}${route}${url.search}`;
}

function withoutSlashes({ pathname }: URL): string {
  return pathname.replace(/\/+$/, "");
}

/** The URL for people and files: without what may be secret, the user's name, password and the query's values. */
export function shownUrl(url: URL): string {
  const names = [...url.searchParams.keys()].map((name) => `${encodeURIComponent(name)}=…`);
  return `${url.origin}${url.pathname}${names.length === 0 ? "" : `?${names.join("&")}`}`;
}
