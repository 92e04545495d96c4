import { JsonScanner, isSpace } from "./json-scanner.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

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
  const scanner = new JsonScanner();
  const pastValue = (from: number): number => {
    scanner.begin();
    return scanner.take(object, from, object.length);
  };
  let at = pastSpace(object, 0);
  if (object[at] !== OPEN) return fields;
  do {
    const start = pastSpace(object, at + 1);
    if (object[start] !== QUOTE) return fields;
    const nameEnd = pastValue(start);
    const colon = pastSpace(object, nameEnd);
    if (!scanner.over || object[colon] !== COLON) return fields;
    const valueStart = pastSpace(object, colon + 1);
    const end = pastValue(valueStart);
    if (!scanner.over) return fields;
    fields.push({ name: unquoted(object.subarray(start, nameEnd)), start, valueStart, end });
    at = pastSpace(object, end);
  } while (object[at] === COMMA);
  return fields;
}

/** The value's JSON. */
export function valueOf(object: Uint8Array, { valueStart, end }: JsonField): string {
  return decoder.decode(object.subarray(valueStart, end));
}

/**
 * A JSON object of these fields of another one, as they stand there, and of further ones at its end.
 * @param more e.g. `"a":1,"b":2`
 */
export function objectOf(object: Uint8Array, fields: readonly JsonField[], more: string): Uint8Array {
  const last = encoder.encode(more);
  const length = fields.reduce((sum, { start, end }) => sum + 1 + end - start, last.length + 2);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const { start, end } of fields) {
    bytes[at] = at === 0 ? OPEN : COMMA;
    bytes.set(object.subarray(start, end), at + 1);
    at += 1 + end - start;
  }
  bytes[at] = at === 0 ? OPEN : COMMA;
  bytes.set(last, at + 1);
  bytes[length - 1] = CLOSE;
  return bytes;
}

/**
 * Adds fields at the end of a JSON object, every other byte as it was; of two fields of one name, readers of JSON
 * take the later.
 * @param object a JSON object, whole at its top level, white space around it allowed
 * @param fields e.g. `"a":1,"b":2`
 */
export function withFields(object: Uint8Array, fields: string): Uint8Array {
  const close = object.lastIndexOf(CLOSE);
  let last = close - 1;
  while (isSpace(object[last])) last--;
  const added = encoder.encode(object[last] === OPEN ? fields : `,${fields}`);
  const bytes = new Uint8Array(object.length + added.length);
  bytes.set(object.subarray(0, close));
  bytes.set(added, close);
  bytes.set(object.subarray(close), close + added.length);
  return bytes;
}

function pastSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

/** The text of a JSON string in its quotes; as it stands where it cannot be read. */
function unquoted(string: Uint8Array): string {
  const text = decoder.decode(string);
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
