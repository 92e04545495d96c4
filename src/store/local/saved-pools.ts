import { crc32 } from "node:zlib";
import type { AuditEntry, ValueName } from "../../control/store.ts";
import { InputError } from "../../lib/errors.ts";
import type { LearnedRow } from "./learned-rows.ts";

/** What of a pool outlives the process. */
export interface SavedPool {
  readonly name: string;
  /** The last fencing token. */
  readonly tokens: number;
  /** Ascending. */
  readonly epochs: readonly (readonly [epoch: number, snapshot: Uint8Array])[];
  readonly values: readonly (readonly [name: ValueName, value: Uint8Array])[];
  /** The one offered the longest ago first. */
  readonly learned: readonly LearnedRow[];
  /** The oldest first. */
  readonly audit: readonly AuditEntry[];
}

export const NEW_POOL: Omit<SavedPool, "name"> = {
  tokens: 0,
  epochs: [],
  values: [],
  learned: [],
  audit: [],
};

const FIRST_LINE = new TextEncoder().encode("plimsoll.store/1\n");
const CHECKSUM_AT = FIRST_LINE.length;
const LENGTH_AT = CHECKSUM_AT + 4;
const JSON_AT = LENGTH_AT + 4;

/** Where an array of bytes lies among those behind the JSON. */
interface Place {
  readonly at: number;
  readonly bytes: number;
}

/**
 * A file's content, in parts that follow one another: the first line, which names the format; the CRC-32 of all
 * that follows it and the length of the JSON as little-endian uint32; the JSON, in which every array of bytes is given
 * by its place; the bytes.
 */
export function encodePools(pools: readonly SavedPool[]): Uint8Array[] {
  const arrays: Uint8Array[] = [];
  let at = 0;
  const json = JSON.stringify(pools, (_, value: unknown) => {
    if (!(value instanceof Uint8Array)) return value;
    const place: Place = { at, bytes: value.length };
    arrays.push(value);
    at += value.length;
    return place;
  });
  const text = new TextEncoder().encode(json);
  const head = new Uint8Array(JSON_AT);
  const view = new DataView(head.buffer);
  head.set(FIRST_LINE);
  view.setUint32(LENGTH_AT, text.length, true);
  let checksum = crc32(head.subarray(LENGTH_AT));
  for (const part of [text, ...arrays]) checksum = crc32(part, checksum);
  view.setUint32(CHECKSUM_AT, checksum, true);
  return [head, text, ...arrays];
}

/** @throws InputError that names the file */
export function decodePools(content: Uint8Array, path: string): SavedPool[] {
  if (Buffer.compare(content.subarray(0, CHECKSUM_AT), FIRST_LINE) !== 0) {
    const mend = "is not a store's file of this version (plimsoll.store/1); name another, or move it away";
    throw new InputError(path, "", mend);
  }
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (content.length < JSON_AT || crc32(content.subarray(LENGTH_AT)) !== view.getUint32(CHECKSUM_AT, true)) {
    const mend = "is damaged: its checksum does not match; put back a copy, or move it away to start anew";
    throw new InputError(path, "", mend);
  }
  const bytesAt = JSON_AT + view.getUint32(LENGTH_AT, true);
  const json = new TextDecoder().decode(content.subarray(JSON_AT, bytesAt));
  return JSON.parse(json, (_, value: unknown) =>
    isPlace(value) ? content.slice(bytesAt + value.at, bytesAt + value.at + value.bytes) : value,
  ) as SavedPool[];
}

function isPlace(value: unknown): value is Place {
  return typeof value === "object" && value !== null && "at" in value && "bytes" in value;
}
