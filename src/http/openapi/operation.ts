/** A JSON Schema (2020-12), or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: "query" | "header" | "path";
  readonly description: string;
  readonly schema: Schema;
}

/** What a body or an answer holds: a schema for each media type. */
export interface Content {
  readonly description: string;
  readonly content: Readonly<Record<string, Schema>>;
  /** Of an answer: what its headers say, by their names. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const TAGS = {
  inference:
    "What clients ask: relayed to the engines of a pool byte for byte. The gateway reads `model`, and what it needs to route.",
  gateway: "What everybody may ask of the gateway itself.",
  "expert plane": "What ranks and programs beside them report and receive.",
  operators: "What operators and their tools ask and order.",
} as const;

/** One route and method, as the API's description has it. */
export interface Operation {
  readonly method: "get" | "post" | "delete";
  /** As Fastify has it: `:pool` is one segment. */
  readonly path: string;
  readonly tag: keyof typeof TAGS;
  readonly summary: string;
  /** Where there is more to say; Markdown. */
  readonly description?: string;
  readonly query?: readonly Parameter[];
  readonly headers?: readonly Parameter[];
  readonly body?: Content;
  /** What it answers where all goes well, by status. Refusals are the same everywhere. */
  readonly answers: Readonly<Record<number, Content>>;
  /** Whether only operators get an answer. */
  readonly operators: boolean;
  /** In whose words its clients read errors. */
  readonly errors?: "anthropic";
}

export function query(name: string, description: string, schema: Schema): Parameter {
  return { name, in: "query", description, schema };
}

export function header(name: string, description: string, schema: Schema = { type: "string" }): Parameter {
  return { name, in: "header", description, schema };
}

export function json(description: string, schema: Schema): Content {
  return { description, content: { "application/json": schema } };
}

/** An object with these fields, all of which are there unless they are named; others may be there too. */
export function object(properties: Readonly<Record<string, Schema>>, ...optional: readonly string[]): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, ...(required.length > 0 ? { required } : {}) };
}

/** An object that has one of these and nothing else. */
export function oneOfFields(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", properties, minProperties: 1, maxProperties: 1, additionalProperties: false };
}

export function list(items: Schema): Schema {
  return { type: "array", items };
}

export function matrix(items: Schema, description: string): Schema {
  return { ...list(list(items)), description };
}

export function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: "null" }] };
}

export const TEXT: Schema = { type: "string" };
export const FLAG: Schema = { type: "boolean" };
export const NUMBER: Schema = { type: "number" };
export const WHOLE: Schema = { type: "integer", minimum: 0 };
export const ANYTHING: Schema = { type: "object" };
