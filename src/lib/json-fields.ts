import { JsonScanner, isSpace } from "./json-scanner.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Fields of one object that are looked at; nobody writes as many. */
export const MOST_FIELDS = 1024;
/** Longer names are not read: no field that anyone asks for has one. */
const LONGEST_NAME_BYTES = 256;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Where the fields of a JSON object are, in their order, four places each: the first quote of the name, after its last
 * one, the beginning of the value, and after its end.
 */
export type FieldPlaces = readonly number[];
/** Numbers that one field takes in `FieldPlaces`. */
export const PLACES = 4;

/** A field of a JSON object: its name and value as they stand, from `start` to before `end`. */
export interface JsonField {
  /** Empty where it is too long for any that is asked for. */
  readonly name: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/**
 * The fields of a JSON object, in their order; one that is named twice comes twice. What lies deeper is not read.
 * @param places where they are, if that is known; those before the first fault where the object has one, and 1024 at most
 */
export function fieldsOf(object: Uint8Array, places: FieldPlaces = placesIn(object)): readonly JsonField[] {
  const fields: JsonField[] = [];
  for (let i = 0; i < places.length; i += PLACES) {
    const start = places[i];
    const name = nameIn(object, start, places[i + 1]);
    fields.push({ name, start, valueStart: places[i + 2], end: places[i + 3] });
  }
  return fields;
}

/** Of fields that are named twice the later ones, which readers of JSON take. */
export function lastOf(fields: readonly JsonField[]): Iterable<JsonField> {
  return new Map(fields.map((field) => [field.name, field])).values();
}

function placesIn(object: Uint8Array): FieldPlaces {
  const places: number[] = [];
  const scanner = new JsonScanner();
  const pastValue = (from: number): number => {
    scanner.begin();
    return scanner.take(object, from, object.length);
  };
  let at = pastSpace(object, 0);
  if (object[at] !== OPEN) return places;
  do {
    const start = pastSpace(object, at + 1);
    if (object[start] !== QUOTE) return places;
    const nameEnd = pastValue(start);
    const colon = pastSpace(object, nameEnd);
    if (!scanner.over || object[colon] !== COLON) return places;
    const valueStart = pastSpace(object, colon + 1);
    const end = pastValue(valueStart);
    if (!scanner.over) return places;
    places.push(start, nameEnd, valueStart, end);
    at = pastSpace(object, end);
  } while (object[at] === COMMA && places.length < PLACES * MOST_FIELDS);
  return places;
}

/** The value's JSON; empty where it is longer than what is asked for can be. */
export function valueOf(
  object: Uint8Array,
  { valueStart, end }: JsonField,
  mostBytes = Number.POSITIVE_INFINITY,
): string {
  return end - valueStart > mostBytes ? "" : decoder.decode(object.subarray(valueStart, end));
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
 * What a JSON object is made of once fields are added at its end, every other byte as it was; of two fields of one name,
 * readers of JSON take the later.
 * @param object whole at its top level, white space around it allowed
 * @param added e.g. `"a":1,"b":2`
 * @param isEmpty whether it has no field yet
 */
export function withFields(
  object: Uint8Array,
  added: string,
  isEmpty = object[pastSpace(object, pastSpace(object, 0) + 1)] === CLOSE,
): readonly Uint8Array[] {
  const close = object.lastIndexOf(CLOSE);
  return [object.subarray(0, close), encoder.encode(isEmpty ? added : `,${added}`), object.subarray(close)];
}

/** Fields that are added to an object in one go. */
export function joined(added: string | undefined, more: string): string {
  return added === undefined || added === "" ? more : `${added},${more}`;
}

function pastSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

/** The text of a name in its quotes; as it stands where it cannot be read. */
function nameIn(object: Uint8Array, start: number, end: number): string {
  if (end - start > LONGEST_NAME_BYTES) return "";
  const text = decoder.decode(object.subarray(start, end));
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
