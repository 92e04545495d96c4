import {
  type Shape,
  demand,
  list,
  nullOr,
  number,
  readJson,
  record,
  text,
  whole,
  word,
  writeJson,
} from "../../lib/shape.ts";
import { counts } from "../../model/count-bytes.ts";
import { EXCHANGE_BASES, type PoolExchange } from "../../model/pool-exchange.ts";

/** The matrices as float32, little-endian, in base64. */
type Stored = Omit<PoolExchange, "selections" | "tokens"> & {
  readonly selections: string;
  readonly tokens: string;
};

const stored: Shape<Stored> = record<Stored>({
  atMs: number(),
  spanMs: number(0),
  by: word(["gpu", "node"]),
  units: whole(),
  basis: word(EXCHANGE_BASES),
  how: text,
  selections: text,
  tokens: text,
  ownGpu: number(0),
  ownNode: number(0),
  hopsPerToken: nullOr(number(0)),
  nodeHopsPerToken: nullOr(number(0)),
  silent: list(whole()),
});

/** The value `exchange` of a pool's store, in JSON. */
export function encodeExchange(exchange: PoolExchange): Uint8Array {
  const { selections, tokens } = exchange;
  return writeJson({ ...exchange, selections: base64(selections), tokens: base64(tokens) });
}

/** @throws Unreadable */
export function decodeExchange(bytes: Uint8Array): PoolExchange {
  const { selections, tokens, ...rest } = readJson(bytes, stored);
  return { ...rest, selections: matrix(selections, rest.units), tokens: matrix(tokens, rest.units) };
}

function matrix(bytes: string, units: number): Float32Array {
  const read = counts(Buffer.from(bytes, "base64"));
  demand(read.length === 0 || read.length === units * units, "a matrix is not of its units");
  return read;
}

function base64({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
