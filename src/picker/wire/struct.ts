import type { Reader, Writer as MessageWriter } from "protobufjs/minimal.js";
import { Writer } from "./protobuf.ts";

/**
 * Of `google.protobuf.Struct` what the protocol uses: texts, lists of texts, and structs of those. Field numbers are those
 * of protobuf's struct.proto.
 */
const STRUCT_FIELDS = 1;
const KEY = 1;
const VALUE = 2;
const STRING_VALUE = 3;
const STRUCT_VALUE = 5;
const LIST_VALUE = 6;
const LIST_VALUES = 1;

/** A text, or the texts of a list; of anything else null. */
type Texts = string | readonly string[] | null;

/** The entries of a map whose values are messages. @param value reads one, of so many bytes */
export function readEntry(reader: Reader, value: (key: string, length: number) => void): void {
  const end = reader.uint32() + reader.pos;
  let key = "";
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === KEY) key = reader.string();
    else if (tag >>> 3 === VALUE) value(key, reader.uint32());
    else reader.skipType(tag & 7);
  }
}

/** The values of a struct's first level. */
export function readStruct(reader: Reader, length: number): Map<string, Texts> {
  const end = reader.pos + length;
  const fields = new Map<string, Texts>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === STRUCT_FIELDS)
      readEntry(reader, (key, bytes) => void fields.set(key, readValue(reader, bytes)));
    else reader.skipType(tag & 7);
  }
  return fields;
}

function readValue(reader: Reader, length: number): Texts {
  const end = reader.pos + length;
  let value: Texts = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === STRING_VALUE) value = reader.string();
    else if (tag >>> 3 === LIST_VALUE) value = readList(reader, reader.uint32());
    else reader.skipType(tag & 7);
  }
  return value;
}

function readList(reader: Reader, length: number): readonly string[] {
  const end = reader.pos + length;
  const texts: string[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 !== LIST_VALUES) {
      reader.skipType(tag & 7);
      continue;
    }
    const value = readValue(reader, reader.uint32());
    if (typeof value === "string") texts.push(value);
  }
  return texts;
}

/** `{ namespace: { key: text } }` as a field of the message that is written. */
export function writeNested(
  writer: MessageWriter,
  field: number,
  namespace: string,
  key: string,
  text: string,
): void {
  const value = (kind: number, bytes: Uint8Array) =>
    Writer.create().uint32(tagOf(kind)).bytes(bytes).finish();
  const struct = (name: string, of: Uint8Array) => {
    const entry = Writer.create().uint32(tagOf(KEY)).string(name).uint32(tagOf(VALUE)).bytes(of).finish();
    return Writer.create().uint32(tagOf(STRUCT_FIELDS)).bytes(entry).finish();
  };
  const inner = struct(key, value(STRING_VALUE, Buffer.from(text)));
  writer.uint32(tagOf(field)).bytes(struct(namespace, value(STRUCT_VALUE, inner)));
}

/** The tag of a field that has a length. */
export function tagOf(field: number): number {
  return (field << 3) | 2;
}
