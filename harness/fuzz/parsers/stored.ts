import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import { Unreadable } from "../../../src/lib/shape.ts";
import { encodePools, decodePools } from "../../../src/store/local/saved-pools.ts";
import { STORED_KINDS, type StoredKind } from "../../stored-kinds.ts";
import { type FuzzedParser, ParserFault } from "../parser.ts";

const CHECKSUM_AT = "plimsoll.store/1\n".length;
const LENGTH_AT = CHECKSUM_AT + 4;
const POOLS = Buffer.concat(
  encodePools([
    {
      name: "a",
      tokens: 3,
      epochs: [[1, Uint8Array.of(1, 2, 3)]],
      values: [["leader", Uint8Array.of(4)]],
      parts: [["gpus", Uint8Array.of(5, 6)]],
      learned: [["k", 0.5, Uint8Array.of(7)]],
      audit: [{ atMs: 5, entry: "{}" }],
    },
  ]),
);

/** What gateways leave for each other, and for themselves. */
export const STORED_PARSERS: readonly FuzzedParser[] = [
  ...STORED_KINDS.map((kind) => ({
    name: `stored-${kind.name.replace(/^an? /, "").replaceAll(/[^a-z]+/g, "-")}`,
    files: [kind.before],
    tokens: ['"v":1', '"v":2', '"kind":', "AAAA", "=="],
    refusals: [Unreadable],
    valuesPerByte: Number.POSITIVE_INFINITY,
    read: (bytes: Buffer) => readAgain(kind, bytes),
  })),
  { name: "store-file", files: [POOLS], tokens: ['"at":', '"bytes":', '"type":"Buffer"'], read: readChecked },
];

/** What is read can be written and read again. */
function readAgain({ decode, encode, name }: StoredKind, bytes: Buffer): unknown {
  const value = decode(bytes);
  if (!isDeepStrictEqual(decode(encode(value as never)), value))
    throw new ParserFault(`${name} that was read is another once it is written`);
  return value;
}

/** With the checksum of what it holds: else nothing would come to be read. */
function readChecked(bytes: Buffer): unknown {
  if (bytes.length >= LENGTH_AT) bytes.writeUInt32LE(crc32(bytes.subarray(LENGTH_AT)), CHECKSUM_AT);
  return decodePools(bytes, "f");
}
