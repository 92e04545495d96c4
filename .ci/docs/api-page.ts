import { OPERATIONS, pathOf } from "../../src/http/openapi/document.ts";
import {
  type Content,
  type Operation,
  type Parameter,
  type Schema,
  TAGS,
} from "../../src/http/openapi/operation.ts";

const HEAD = `# API reference

Every route of a gateway, made of what \`GET /openapi.json\` answers (OpenAPI 3.1): give that to a client generator, or to Swagger UI or Redoc. \`node .ci/docs/generate.ts\` writes this page.

What engines answer is relayed with its status and body. The gateway's own refusals have one shape, with a [reason](errors.md); [routes](routes.md) says how paths and headers are read, [who may ask](access.md) which key is wanted where.
`;

/** The API's reference as a page of Markdown. */
export function apiPage(): string {
  const parts = Object.entries(TAGS).map(([tag, about]) => {
    const operations = OPERATIONS.filter((operation) => operation.tag === tag);
    const who = operations.every(({ operators }) => operators) ? " For operators alone." : "";
    const body = tag === "inference" ? relayed(operations) : operations.map(section).join("\n\n");
    return `## ${tag[0].toUpperCase()}${tag.slice(1)}\n\n${about}${who}\n\n${body}`;
  });
  return `${HEAD}\n${parts.join("\n\n")}\n`;
}

/** Routes that engines answer are alike: a row for each. */
function relayed(operations: readonly Operation[]): string {
  const rows = operations.map(({ method, path, description = "", body, answers }) => {
    const types = [body, ...Object.values(answers)].map((one) => Object.keys(one?.content ?? {}));
    const [sent, got] = types.map((each) => each.map((type) => `\`${type}\``).join(", "));
    return `| \`${method.toUpperCase()} ${pathOf(path)}\` | ${sent} | ${got} | ${description} |`;
  });
  const table = ["| route | body | answer | |", "|---|---|---|---|", ...rows].join("\n");
  const headers = parameters(operations.find((operation) => operation.headers !== undefined)?.headers ?? []);
  const said = Object.entries(operations[0].answers[200].headers ?? {});
  const answered = said.map(([name, about]) => `- \`${name}\`: ${about}`).join("\n");
  return `${table}\n\nHeaders that the gateway reads:\n\n${headers}\n\nHeaders of answers:\n\n${answered}`;
}

function parameters(given: readonly Parameter[]): string {
  const rows = given.map(
    ({ name, in: where, description, schema }) =>
      `| \`${name}\` | ${where} | ${typeOf(schema)} | ${description} |`,
  );
  return ["| parameter | in | | |", "|---|---|---|---|", ...rows].join("\n");
}

function section(operation: Operation): string {
  const { method, path, summary, description, query = [], headers = [], body, answers } = operation;
  const lines = [
    `### \`${method.toUpperCase()} ${pathOf(path)}\``,
    `${summary}.${description === undefined ? "" : ` ${description}`}`,
  ];
  const given = [...query, ...headers];
  if (given.length > 0) lines.push(parameters(given));
  if (body !== undefined) lines.push(`Body: ${contentOf(body)}`);
  const answered = Object.entries(answers).map(([status, content]) => `- ${status}: ${contentOf(content)}`);
  lines.push(`Answers:\n\n${answered.join("\n")}`);
  return lines.join("\n\n");
}

function contentOf({ description, content }: Content): string {
  const types = Object.keys(content).map((type) => `\`${type}\``);
  const fields =
    Object.values(content)
      .map(fieldsOf)
      .find((text) => text !== "") ?? "";
  return `${description}${types.length === 0 ? "" : `, ${types.join(" or ")}`}.${fields === "" ? "" : ` Fields: ${fields}.`}`;
}

/** The fields of an object, those that may be left out with a question mark. */
function fieldsOf({ properties, required }: Schema): string {
  const wanted = new Set(required as readonly string[] | undefined);
  const fields = Object.entries((properties ?? {}) as Record<string, Schema>);
  return fields
    .map(([name, schema]) => `\`${name}\`${wanted.has(name) ? "" : "?"} ${typeOf(schema)}`)
    .join(", ");
}

function typeOf(schema: Schema): string {
  const { type, anyOf, items, const: only } = schema;
  const choices = schema["enum"] as readonly unknown[] | undefined;
  if (choices !== undefined) return choices.map((one) => `\`${String(one)}\``).join(" or ");
  if (only !== undefined) return `\`${JSON.stringify(only)}\``;
  if (Array.isArray(anyOf)) return (anyOf as Schema[]).map(typeOf).join(" or ");
  if (type === "array") return `list of ${typeOf((items ?? {}) as Schema)}`;
  return typeof type === "string" ? type : "anything";
}
