import { API_ROUTES, type ApiRoute } from "../../serving/request/api-routes.ts";
import {
  type Content,
  type Operation,
  type Schema,
  TEXT,
  WHOLE,
  header,
  json,
  list,
  object,
} from "./operation.ts";

/** What these clients' bodies have in common, as far as the gateway reads them; the rest is the engine's to read. */
const BODY: Schema = object(
  { model: TEXT, stream: { type: "boolean" }, max_tokens: WHOLE },
  "stream",
  "max_tokens",
);

const HEADERS = [
  header("x-request-id", "The request's id, where it is short and printable; else the gateway makes one."),
  header("traceparent", "The client's trace, which the engine's request belongs to."),
  header("x-data-parallel-rank", "The shard that is to have the request, by its index in the pool.", {
    type: "string",
    pattern: "^\\d+$",
  }),
];

const RELAYED = {
  description: "The engine's answer, as it is",
  headers: {
    "x-request-id": "The request's id",
    "x-plimsoll-shard": "The shard that answered",
    "x-plimsoll-epoch": "The epoch that the request was routed by",
  },
};

/** Whose API a route is of, for people who look for its fields. */
const OWNERS: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/messages/, "Anthropic's Messages API"],
  [/^\/v1\/(chat|completions|embeddings|responses|audio|images)/, "OpenAI's API"],
  [/^\/(generate|encode)$/, "SGLang's own API"],
  [/^\/v2\/(embed|rerank)$/, "Cohere's API, as vLLM has it"],
];

/** The routes that engines answer, from the table that the gateway routes by. */
export const CLIENT_OPERATIONS: readonly Operation[] = [
  ...API_ROUTES.flatMap((route) => route.methods.map((method) => operationOf(route, method))),
  {
    method: "get",
    path: "/v1/models",
    tag: "inference",
    summary: "The models that are served",
    description: "What ready servers list, and the configured models that none lists, with their aliases.",
    answers: {
      200: json("The models", object({ object: { const: "list" }, data: list(object({ id: TEXT })) })),
    },
    operators: false,
  },
  {
    method: "get",
    path: "/v1/models/*",
    tag: "inference",
    summary: "One model",
    description: "The id may have slashes, percent-encoded or not.",
    answers: { 200: json("The model", object({ id: TEXT })) },
    operators: false,
  },
];

function operationOf(
  { path, generates, errors, body }: ApiRoute,
  method: ApiRoute["methods"][number],
): Operation {
  const owner = OWNERS.find(([pattern]) => pattern.test(path))?.[1] ?? "the engine's own API";
  const about = generates ? "Generates tokens, whole or as a stream." : "";
  return {
    method: method.toLowerCase() as Operation["method"],
    path,
    tag: "inference",
    summary: `${verbOf(method, body)} ${path.replace(":id", "{id}")}`,
    description: `${about} Its fields are those of ${owner}.`.trim(),
    headers: HEADERS,
    ...(body === "none" ? {} : { body: bodyOf(body) }),
    answers: { 200: answerOf(path, generates) },
    operators: false,
    ...(errors === "anthropic" ? { errors } : {}),
  };
}

function verbOf(method: string, body: ApiRoute["body"]): string {
  if (method === "GET") return "Read";
  if (method === "DELETE") return "Delete";
  return body === "form" ? "Send a form to" : "Ask";
}

function bodyOf(body: "json" | "form"): Content {
  const description = "Relayed as it is, but for fields that only gateways and engines may set";
  const content: Record<string, Schema> = { "application/json": BODY };
  if (body === "form") content["multipart/form-data"] = object({ model: TEXT });
  return { description, content };
}

function answerOf(path: string, generates: boolean): Content {
  if (path === "/v1/audio/speech") return { ...RELAYED, content: { "audio/*": {} } };
  const content: Record<string, Schema> = { "application/json": {} };
  if (generates) content["text/event-stream"] = TEXT;
  return { ...RELAYED, content };
}
