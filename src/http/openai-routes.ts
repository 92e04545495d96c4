import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from "fastify";
import type { HeaderList } from "../serving/engine.ts";
import { UnknownModel } from "../serving/refusals.ts";
import { API_ROUTES, type ApiRoute } from "../serving/request/api-routes.ts";
import { isPreflight } from "./cors.ts";
import { routeNotFound } from "./errors.ts";
import { refuseMethod } from "./other-methods.ts";
import { type ProxiedRequest, type ProxyParts, proxy, relayPreflight } from "./proxy.ts";

interface Parameters {
  readonly id?: string;
  readonly "*"?: string;
}

/** An id is one segment; proxies in between would resolve dots alone to another path. */
const ID = String.raw`:id(^(?!\.{1,2}$).+$)`;

const MODELS = { path: "/v1/models", methods: ["GET"], errors: "openai" } as const;

/** The routes of an OpenAI-compatible server, answered by the pools behind the gateway. */
export function openAiRoutes(app: FastifyInstance, parts: ProxyParts): void {
  const { cors, gateway } = parts;
  if (cors.on)
    app.addHook("onRequest", async ({ headers }, reply) => setHeaders(reply, cors.headers(headers)));

  const modelsFor = async ({ headers }: FastifyRequest) => {
    const identity = await parts.origins.identify(headers);
    const cards = await gateway().models();
    const { models = null } = identity ?? {};
    return {
      cards: models === null ? cards : cards.filter(({ id }) => models.has(id)),
      isSome: models !== null,
    };
  };
  app.get("/v1/models", async (request) => ({ object: "list", data: (await modelsFor(request)).cards }));
  preflights(app, parts, MODELS.path, MODELS);
  // The names of models have slashes in them.
  app.get<{ Params: Parameters }>("/v1/models/*", async (request) => {
    const id = request.params["*"] ?? "";
    if (id === "") throw routeNotFound(request.method, request.url);
    const { cards, isSome } = await modelsFor(request);
    const card = cards.find((model) => model.id === id);
    if (card !== undefined) return card;
    const meant = isSome ? "" : gateway().didYouMean(id);
    throw new UnknownModel(`No pool serves the model \`${id}\`.${meant}`);
  });
  preflights(app, parts, "/v1/models/*", MODELS);

  for (const route of API_ROUTES) {
    app.route<{ Params: Parameters }>({
      method: [...route.methods],
      url: urlOf(route.path),
      // Fastify has found the route and named the request; its own reading and writing of bodies would be in the way.
      onRequest: (request, reply) => proxy(parts, route, handOver(parts, request, reply, route)),
      handler: unreached,
    });
    preflights(app, parts, urlOf(route.path), route);
  }
}

/** Answers `OPTIONS`: what browsers ask before they send a page's request. */
function preflights(
  app: FastifyInstance,
  parts: ProxyParts,
  url: string,
  route: Pick<ApiRoute, "path" | "methods" | "errors">,
): void {
  const { cors } = parts;
  const methods: HTTPMethods[] = route.methods.includes("GET")
    ? [...route.methods, "HEAD"]
    : [...route.methods];
  app.route<{ Params: Parameters }>({
    method: "OPTIONS",
    url,
    onRequest: (request, reply) => {
      if (!isPreflight(request.headers)) return refuseMethod(request, reply, methods);
      // Browsers ask without a key: nobody unknown reaches an engine.
      if (!cors.on && parts.origins.endsKeys) return refuseMethod(request, reply, methods);
      if (!cors.on) return relayPreflight(parts, handOver(parts, request, reply, route));
      setHeaders(reply, cors.preflight(request.headers, methods.join(", ")));
      reply.code(204).send();
    },
    handler: unreached,
  });
}

function urlOf(path: string): string {
  return path.replace(":id", ID);
}

function handOver(
  { tracer, log }: ProxyParts,
  { id: requestId, params, raw }: FastifyRequest<{ Params: Parameters }>,
  reply: FastifyReply,
  { path, errors }: Pick<ApiRoute, "path" | "errors">,
): ProxiedRequest {
  reply.hijack();
  const trace = tracer?.begin(raw, reply.raw, path, requestId) ?? null;
  if (trace !== null) log.traced(raw, trace);
  return { request: raw, response: reply.raw, requestId, path, id: params.id ?? null, errors, trace };
}

function setHeaders(reply: FastifyReply, headers: HeaderList): void {
  for (let i = 0; i < headers.length; i += 2) reply.header(headers[i], headers[i + 1]);
}

function unreached(): void {}
