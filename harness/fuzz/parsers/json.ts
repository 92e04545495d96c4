import { InputError } from "../../../src/lib/errors.ts";

/** Undefined for what is no JSON: it never comes to the reader. */
export function parsedOrNothing(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

/** A body as routes have it once the server has parsed it. @throws InputError */
export function jsonObject(bytes: Uint8Array): Record<string, unknown> {
  const value = parsedOrNothing(bytes);
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new InputError("body", "", "is no JSON object; expected one");
}
