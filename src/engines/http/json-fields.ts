import { JsonScanner } from "../../lib/json-scanner.ts";

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
const CLOSE = 0x7d;
const OPEN = 0x7b;

/** A field of a JSON object: its name and value as they stand, from `start` to before `end`. */
export interface JsonField {
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/**
 * The fields of a JSON object, in their order; one that is named twice comes twice. What lies deeper is not read.
 * @returns those before the first fault where the object has one
 */
export function fieldsOf(object: Uint8Array): readonly JsonField[] {
  const fields: JsonField[] = [];
  let name = "";
  let from = 0;
  const scanner = new JsonScanner({
    key(start, end) {
      name = unquoted(object, start, end);
      from = start;
    },
    value(start, end) {
      fields.push({ name, start: from, valueStart: start, end });
    },
    longString() {},
  });
  scanner.take(object, 0, object.length);
  return fields;
}

/** The value's JSON. */
export function valueOf(object: Uint8Array, { valueStart, end }: JsonField): string {
  return Buffer.from(object.buffer, object.byteOffset + valueStart, end - valueStart).toString();
}

/**
 * A JSON object of these fields of another one, as they stand there, and of further ones at its end.
 * @param more e.g. `"a":1,"b":2`
 */
export function objectOf(object: Uint8Array, fields: readonly JsonField[], more: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { start, end } of fields) {
    parts.push(parts.length === 0 ? OPENING : SEPARATOR, object.subarray(start, end));
  }
  parts.push(Buffer.from(`${parts.length === 0 ? "{" : ","}${more}}`));
  return Buffer.concat(parts);
}

const OPENING = Buffer.from("{");
const SEPARATOR = Buffer.from(",");

/**
 * Adds fields at the end of a JSON object, every other byte as it was; of two fields of one name, readers of JSON
 * take the later.
 * @param object a JSON object, whole at its top level, white space around it allowed
 * @param fields e.g. `"a":1,"b":2`
 */
export function withFields(object: Uint8Array, fields: string): Uint8Array {
  const close = object.lastIndexOf(CLOSE);
  let last = close - 1;
  while (SPACE.has(object[last])) last--;
  const added = Buffer.from(object[last] === OPEN ? fields : `,${fields}`);
  const bytes = Buffer.allocUnsafe(object.length + added.length);
  bytes.set(object.subarray(0, close));
  bytes.set(added, close);
  bytes.set(object.subarray(close), close + added.length);
  return bytes;
}

/** The text of a JSON string in its quotes; as it stands where it cannot be read. */
function unquoted(bytes: Uint8Array, start: number, end: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
