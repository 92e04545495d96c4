import type { EngineRequest } from "../engine.ts";

/** One route of the API that engines answer. It is matched and forwarded as what it says here, decoded. */
export interface ApiRoute {
  /** As clients and engines write it; `:id` is one segment. */
  readonly path: string;
  readonly methods: readonly Exclude<EngineRequest["method"], "OPTIONS">[];
  /** Whether it generates tokens; else there is nothing to prefill for another server. */
  readonly generates: boolean;
  /** Whose words its clients read errors in. */
  readonly errors: "openai" | "anthropic" | "responses";
  /** `form`: multipart/form-data, relayed unread but for its field `model`; or JSON, where the client says so. */
  readonly body: "json" | "form" | "none";
}

type Route = Pick<ApiRoute, "path"> & Partial<ApiRoute>;

/** What vLLM, vLLM-Omni, SGLang (its diffusion server too) and TensorRT-LLM serve of inference, by all of its names. */
const ROUTES: readonly Route[] = [
  { path: "/v1/chat/completions", generates: true },
  { path: "/v1/completions", generates: true },
  { path: "/generate", generates: true },
  { path: "/v1/messages", generates: true, errors: "anthropic" },
  { path: "/v1/messages/count_tokens", errors: "anthropic" },
  { path: "/v1/responses", generates: true, errors: "responses" },
  { path: "/v1/responses/:id", methods: ["GET", "DELETE"], errors: "responses", body: "none" },
  { path: "/v1/responses/:id/cancel", errors: "responses", body: "none" },
  { path: "/v1/responses/:id/input_items", methods: ["GET"], errors: "responses", body: "none" },
  { path: "/v1/embeddings" },
  { path: "/v2/embed" },
  { path: "/encode" },
  { path: "/pooling" },
  { path: "/classify" },
  { path: "/v1/classify" },
  { path: "/score" },
  { path: "/v1/score" },
  { path: "/rerank" },
  { path: "/v1/rerank" },
  { path: "/v2/rerank" },
  { path: "/tokenize" },
  { path: "/v1/tokenize" },
  { path: "/detokenize" },
  { path: "/v1/detokenize" },
  { path: "/v1/audio/transcriptions", body: "form" },
  { path: "/v1/audio/translations", body: "form" },
  { path: "/v1/audio/speech" },
  { path: "/v1/images/generations" },
  { path: "/v1/images/edits", body: "form" },
  { path: "/v1/images/variations", body: "form" },
];

export const API_ROUTES: readonly ApiRoute[] = ROUTES.map((route) => ({
  methods: ["POST"],
  generates: false,
  errors: "openai",
  body: "json",
  ...route,
}));

const PLAIN = new Map(API_ROUTES.map((route) => [route.path, route]));
const NAMING = API_ROUTES.filter(({ path }) => path.includes(":id")).map((route) => {
  const [before, after] = route.path.split(":id");
  return { route, before, after };
});

/**
 * The route that a request is for, with the id that its path names; null where it is for none.
 * @param target the request's
 */
export function routeOf(
  method: string,
  target: string,
): { readonly route: ApiRoute; readonly id: string | null } | null {
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  const takes = ({ methods }: ApiRoute) =>
    methods.some((one) => one === (method === "HEAD" ? "GET" : method));
  const plain = PLAIN.get(path);
  if (plain !== undefined) return takes(plain) ? { route: plain, id: null } : null;
  for (const { route, before, after } of NAMING) {
    const id = path.slice(before.length, path.length - after.length);
    if (!path.startsWith(before) || !path.endsWith(after) || !/^[^/]+$/.test(id) || !takes(route)) continue;
    return { route, id: decoded(id) };
  }
  return null;
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

const GENERATING = new Set(API_ROUTES.filter((route) => route.generates).map(({ path }) => path));

/** Whether what is asked generates tokens. @param request whose path `enginePath` wrote */
export function generates({ method, path }: Pick<EngineRequest, "method" | "path">): boolean {
  const query = path.indexOf("?");
  return method === "POST" && GENERATING.has(query < 0 ? path : path.slice(0, query));
}

/** Whether the answer is a response that its server may keep, or one that was kept. @param path `enginePath` wrote it */
export function storesResponse(path: string): boolean {
  return path.startsWith("/v1/responses");
}

/** Whether a server might take a target for one that names a stored response, whatever way it is written. */
export function mayNameResponse(target: string): boolean {
  const path = target.replace(/%([\da-f]{2})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return path.includes("responses");
}

/**
 * What an engine is asked for: the route's own path, whatever way the client wrote it, with the client's query.
 * @param id decoded; null where the path has none
 * @param target the request's, as it came
 */
export function enginePath(path: string, id: string | null, target: string): string {
  const own = id === null ? path : path.replace(":id", encodeURIComponent(id));
  return target === own ? own : own + queryOf(target);
}

/** From the question mark on; what follows a number sign is the client's own. */
function queryOf(target: string): string {
  const fragment = target.indexOf("#");
  const end = fragment < 0 ? target.length : fragment;
  const query = target.indexOf("?");
  return query < 0 || query > end ? "" : target.slice(query, end);
}
