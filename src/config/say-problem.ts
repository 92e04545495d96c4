import type { z } from "zod";
import { nearestWord } from "../lib/edit-distance.ts";
import { oneLine } from "../lib/printable.ts";
import { isSection } from "./section.ts";

/** What stands under these names may be a key or a password by mistake, and is never repeated. */
const SECRET = new Set<PropertyKey>(["apiKeyEnv", "hash", "operatorKeyEnv", "url"]);
/** As keys begin, and what holds a user's password. */
const LOOKS_SECRET = /^\s*(?:sk-|bearer\s|basic\s)|@/i;

const TYPES: Readonly<Record<string, string>> = {
  string: "expected text",
  number: "expected a number",
  int: "expected a whole number",
  boolean: "expected true or false",
  object: "expected a mapping of settings, `name: value` each",
  record: "expected a mapping of settings, `name: value` each",
  array: "expected a list",
};

/** What is there, in one clause. @param field where */
export function sayFound(value: unknown, field: readonly PropertyKey[]): string {
  if (value === undefined) return "is missing";
  if (value === null) return "is empty";
  if (isSection(value)) return "is a mapping";
  if (Array.isArray(value)) return value.length === 0 ? "is an empty list" : "is a list";
  // JSON has no NaN and no infinity.
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  const secret = field.some((key) => SECRET.has(key)) || (typeof value === "string" && looksSecret(value));
  return secret ? "is not shown, for it may be a key or hold a password" : `is ${oneLine(text, 60)}`;
}

/** Whether a text may be a key, or a URL with a password. */
export function looksSecret(text: string): boolean {
  return LOOKS_SECRET.test(text);
}

/** What would be right, in one clause, in words that say how to write it. */
export function sayExpected(issue: z.core.$ZodIssue, found: unknown): string {
  // The schema's own words.
  if (issue.message.startsWith("expected ")) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "array"
        ? expectedList(found)
        : (TYPES[issue.expected] ?? "expected another type");
    case "too_small":
      if (issue.origin === "string") return "expected some text";
      return `expected ${issue.inclusive === true ? "at least" : "more than"} ${countOf(issue.origin, issue.minimum)}`;
    case "too_big":
      return `expected ${issue.inclusive === true ? "at most" : "less than"} ${countOf(issue.origin, issue.maximum)}`;
    case "invalid_value":
      return oneOf(issue.values, found);
    case "invalid_union":
      return "options" in issue ? oneOf(issue.options, found) : "expected another form";
    case "invalid_key": {
      const own = issue.issues[0]?.message ?? "";
      return own.startsWith("expected ") ? own : "expected a name that is not empty";
    }
    case "invalid_format":
    case "invalid_element":
    case "not_multiple_of":
    case "unrecognized_keys":
    case "custom":
      return "expected another form";
  }
}

function expectedList(found: unknown): string {
  if (isSection(found)) return 'expected a list: begin each of its items with "- ", as in `- name: …`';
  if (found === undefined || found === null) return "expected a list";
  return "expected a list: write it in brackets, as in [a, b]";
}

function countOf(origin: string, bound: number | bigint): string {
  return origin === "array" ? `${bound} item${Number(bound) === 1 ? "" : "s"}` : String(bound);
}

function oneOf(values: readonly unknown[], found: unknown): string {
  const words = values.map(String);
  const meant = typeof found === "string" ? nearestWord(found, words) : null;
  const list = words.length === 1 ? words[0] : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return meant === null ? `expected ${list}` : `expected ${list}; did you mean \`${meant}\`?`;
}
