import { readFile } from "node:fs/promises";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { InputError } from "../lib/errors.ts";

/**
 * Reads a YAML file into plain data.
 * @throws InputError naming the file, and the line where it is no YAML
 */
export async function readYaml(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new InputError(
      path,
      "",
      `cannot be read (${(error as NodeJS.ErrnoException).code}); name a readable file`,
    );
  }
  const document = parseDocument(text);
  const fault = document.errors[0];
  if (fault !== undefined) throw new InputError(path, "", `is not valid YAML: ${firstLine(fault.message)}`);
  try {
    return document.toJS();
  } catch (error) {
    // An alias without an anchor, or too many of them, shows only here.
    throw new InputError(path, "", `is not valid YAML: ${firstLine((error as Error).message)}`);
  }
}

/**
 * Checks data against a schema.
 * @param sourceOf which file or variable a field came from
 * @throws InputError naming the first field at fault
 */
export function checkShape<S extends z.ZodType>(
  schema: S,
  data: unknown,
  sourceOf: (field: readonly PropertyKey[]) => string,
): z.output<S> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new InputError(sourceOf(issue.path), fieldName(issue.path), mendOf(issue, data));
}

function mendOf(issue: z.core.$ZodIssue, data: unknown): string {
  if (issue.code === "unrecognized_keys")
    return `has no setting \`${issue.keys[0]}\`; remove it or mend its name`;
  const found = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | null)?.[key],
    data,
  );
  const wanted = firstLine(issue.message)
    .replace(/^Invalid input: /, "")
    .replace(/, received .*$/, "");
  return `${found === undefined ? "is missing" : `is ${shown(found)}`}; ${wanted}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** `pools[0].urls[1]` */
function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === "number" ? `[${key}]` : `${i === 0 ? "" : "."}${String(key)}`))
    .join("");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0].replace(/:$/, "");
}
