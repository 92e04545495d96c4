import { crc32 } from "node:zlib";
import type { AuditEntry, ValueName } from "../../control/store.ts";
import { InputError } from "../../lib/errors.ts";
import {
  type Shape,
  demand,
  list,
  number,
  orElse,
  record,
  text,
  tuple,
  whole,
  word,
} from "../../lib/shape.ts";
import type { LearnedRow } from "./learned-rows.ts";

/** What of a pool outlives the process. */
export interface SavedPool {
  readonly name: string;
  /** The last fencing token. */
  readonly tokens: number;
  /** Ascending. */
  readonly epochs: readonly (readonly [epoch: number, snapshot: Uint8Array])[];
  readonly values: readonly (readonly [name: ValueName, value: Uint8Array])[];
  /** Parts of its past, by name. */
  readonly parts: readonly (readonly [name: string, part: Uint8Array])[];
  /** The one offered the longest ago first. */
  readonly learned: readonly LearnedRow[];
  /** The oldest first. */
  readonly audit: readonly AuditEntry[];
}

export const NEW_POOL: Omit<SavedPool, "name"> = {
  tokens: 0,
  epochs: [],
  values: [],
  parts: [],
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

const byte = whole(0, 255);
const place: Shape<Place> = record({ at: whole(), bytes: whole() });
/** So the first version wrote what it had read from a file itself. */
const listed = record({ type: word(["Buffer"]), data: list(byte) });

/**
 * A file's content, in parts that follow one another: the first line, which names the format; the CRC-32 of all
 * that follows it and the length of the JSON as little-endian uint32; the JSON, in which every array of bytes is given
 * by its place; the bytes.
 */
export function encodePools(pools: readonly SavedPool[]): Uint8Array[] {
  const arrays: Uint8Array[] = [];
  let at = 0;
  const placed = (bytes: Uint8Array): Place => {
    const beginsAt = at;
    arrays.push(bytes);
    at += bytes.length;
    return { at: beginsAt, bytes: bytes.length };
  };
  const written = pools.map(({ epochs, values, parts, learned, ...rest }) => ({
    ...rest,
    epochs: epochs.map(([epoch, snapshot]) => [epoch, placed(snapshot)]),
    values: values.map(([name, value]) => [name, placed(value)]),
    parts: parts.map(([name, part]) => [name, placed(part)]),
    learned: learned.map(([key, evidence, sketch]) => [key, evidence, placed(sketch)]),
  }));
  const json = new TextEncoder().encode(JSON.stringify(written));
  const head = new Uint8Array(JSON_AT);
  const view = new DataView(head.buffer);
  head.set(FIRST_LINE);
  view.setUint32(LENGTH_AT, json.length, true);
  let checksum = crc32(head.subarray(LENGTH_AT));
  for (const part of [json, ...arrays]) checksum = crc32(part, checksum);
  view.setUint32(CHECKSUM_AT, checksum, true);
  return [head, json, ...arrays];
}

/** @throws InputError that names the file */
export function decodePools(content: Uint8Array, path: string): SavedPool[] {
  if (Buffer.compare(content.subarray(0, CHECKSUM_AT), FIRST_LINE) !== 0) {
    const hint = "is not a store's file of this version (plimsoll.store/1); name another, or move it away";
    throw new InputError(path, "", hint);
  }
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (content.length < JSON_AT || crc32(content.subarray(LENGTH_AT)) !== view.getUint32(CHECKSUM_AT, true))
    throw damaged(path, "its checksum does not match");
  const bytesAt = JSON_AT + view.getUint32(LENGTH_AT, true);
  try {
    const pools = list(savedPool(content.subarray(bytesAt)));
    return pools(JSON.parse(new TextDecoder().decode(content.subarray(JSON_AT, bytesAt))), "pools");
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function damaged(path: string, why: string): InputError {
  return new InputError(path, "", `is damaged: ${why}; put back a copy, or move it away to start anew`);
}

/** @param arrays what lies behind the JSON; what is read of it shares nothing with it */
function savedPool(arrays: Uint8Array): Shape<SavedPool> {
  const bytes: Shape<Uint8Array> = (value, at) => {
    if (typeof value === "object" && value !== null && "type" in value)
      return Uint8Array.from(listed(value, at).data);
    const { at: from, bytes: length } = place(value, at);
    demand(from + length <= arrays.length, "bytes lie behind its end");
    // Not `slice`, which does not copy where the bytes are a Buffer.
    return new Uint8Array(arrays.subarray(from, from + length));
  };
  const pool: Shape<SavedPool> = record<SavedPool>({
    name: text,
    tokens: whole(),
    epochs: list(tuple<[number, Uint8Array]>(whole(), bytes)),
    // Also those that only a later version knows.
    values: list(tuple<[ValueName, Uint8Array]>(text as Shape<ValueName>, bytes)),
    // An earlier version does not write these.
    parts: orElse(list(tuple<[string, Uint8Array]>(text, bytes)), []),
    learned: list(tuple<[string, number, Uint8Array]>(text, number(), bytes)),
    audit: list(record<AuditEntry>({ atMs: number(), entry: text })),
  });
  return (value, at) => {
    const saved = pool(value, at);
    const ascends = saved.epochs.every(([epoch], i) => i === 0 || epoch > saved.epochs[i - 1][0]);
    demand(ascends, "its epochs do not ascend");
    return saved;
  };
}
