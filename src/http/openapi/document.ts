import { REASONS } from "../errors.ts";
import { CLIENT_OPERATIONS } from "./client-operations.ts";
import { FIGURE_OPERATIONS } from "./figure-operations.ts";
import { type Content, type Operation, type Schema, TAGS, TEXT, object, orNull } from "./operation.ts";
import { OPERATOR_OPERATIONS } from "./operator-operations.ts";
import { RANK_OPERATIONS } from "./rank-operations.ts";
import { SOLVER_OPERATIONS } from "./solver-operations.ts";

export const OPERATIONS: readonly Operation[] = [
  ...CLIENT_OPERATIONS,
  ...OPERATOR_OPERATIONS,
  ...RANK_OPERATIONS,
  ...FIGURE_OPERATIONS,
  ...SOLVER_OPERATIONS,
];

const REASON: Schema = { type: "string", enum: Object.keys(REASONS) };
const FAULT = { message: TEXT, type: TEXT, param: orNull(TEXT), code: REASON, reason: REASON };

const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object({ error: object(FAULT) }),
  AnthropicError: object({ type: { const: "error" }, error: object(FAULT), request_id: TEXT }),
};

const REFUSED = headersOf({
  "x-request-id": "The request's id",
  "retry-after": "Seconds, where the request may be sent again",
});

/**
 * The description of the API, OpenAPI 3.1: of the routes that the gateway has.
 * @param version the program's
 */
export function openApiDocument(version: string): Schema {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    const path = pathOf(operation.path);
    (paths[path] ??= {})[operation.method] = described(operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Plimsoll",
      version,
      description:
        "An expert-parallel inference load balancer: the API that its gateway answers. " +
        "What engines answer is relayed with its status and body; the gateway's own refusals have the reasons of `Error`.",
      license: { name: "Apache 2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        operator: {
          type: "http",
          scheme: "bearer",
          description:
            "The key that `http.operatorKeyEnv` names. Without one, processes of the gateway's machine alone.",
        },
      },
      responses: {
        Error: {
          description: "A refusal of the gateway's, or an engine's error",
          headers: REFUSED,
          content: ref("Error"),
        },
        AnthropicError: {
          description: "The same in Anthropic's shape",
          headers: REFUSED,
          content: ref("AnthropicError"),
        },
      },
    },
  };
}

function ref(name: string): object {
  return { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } };
}

/** `/v1/models/*` and `:id` as OpenAPI has them. */
export function pathOf(path: string): string {
  return path.replace("*", ":id").replaceAll(/:(\w+)/g, "{$1}");
}

function described(operation: Operation): object {
  const { method, path, tag, summary, description, body, answers, operators, errors } = operation;
  const inPath = [...pathOf(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: TEXT,
  }));
  const parameters = [...inPath, ...(operation.query ?? []), ...(operation.headers ?? [])];
  const refusal = errors === "anthropic" ? "AnthropicError" : "Error";
  return {
    operationId: `${method}${pathOf(path).replaceAll(/\W+/g, "_")}`,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, ...contentOf(body) } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, contentOf(answer)])),
      default: { $ref: `#/components/responses/${refusal}` },
    },
    security: operators ? [{ operator: [] }] : [],
  };
}

function headersOf(headers: Readonly<Record<string, string>>): object {
  const named = Object.entries(headers).map(
    ([name, description]) => [name, { description, schema: TEXT }] as const,
  );
  return Object.fromEntries(named);
}

function contentOf({ description, content, headers }: Content): object {
  const types: Record<string, object> = {};
  for (const [type, schema] of Object.entries(content)) types[type] = { schema };
  const said = headers === undefined ? {} : { headers: headersOf(headers) };
  return { description, ...said, ...(Object.keys(types).length === 0 ? {} : { content: types }) };
}
