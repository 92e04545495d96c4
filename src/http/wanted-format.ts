import { InputError } from "../lib/errors.ts";

const TYPES = { csv: "text/csv", html: "text/html" } as const;

/**
 * Whether an answer is wanted in another format than JSON.
 * @param format of the query, which has the last word
 * @param accept the header, where the query says nothing
 * @throws InputError where the query names a third
 */
export function wantsFormat(other: keyof typeof TYPES, format: unknown, accept = ""): boolean {
  if (format === undefined) return new RegExp(`(^|,)\\s*${TYPES[other]}\\s*(;|,|$)`, "i").test(accept);
  if (format === other || format === "json") return format === other;
  throw new InputError("query", "format", `is ${JSON.stringify(format)}; expected ${other} or json`);
}
