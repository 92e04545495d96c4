import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { isObject, type JsonObject, decodeText, parseJsonObject } from "./json.ts";
import { bytesPerNumber, decodeNumbers, type NumberKind } from "./numbers.ts";

/** One array of a safetensors file, in C order. */
export interface SafetensorsArray {
  readonly shape: readonly number[];
  /** Row-major; 64-bit integers as numbers, all of them exact. */
  readonly values: ReadonlyNumbers;
}

const KINDS: Readonly<Record<string, NumberKind>> = {
  U8: "u1",
  I8: "i1",
  U16: "u2",
  I16: "i2",
  U32: "u4",
  I32: "i4",
  U64: "u8",
  I64: "i8",
  F32: "f4",
  F64: "f8",
};

/** Text beside the arrays. */
const METADATA = "__metadata__";

/**
 * Reads a safetensors file (8 bytes of header length, a JSON header, the data) of integers and floats of 32
 * or 64 bits.
 * @returns the arrays by name
 * @throws InputError
 */
export function readSafetensors(bytes: Uint8Array, source: string): Map<string, SafetensorsArray> {
  if (bytes.length < 8) throw new InputError(source, "", "is not a safetensors file; it has no header");
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = 8 + length;
  if (start > bytes.length) {
    throw new InputError(source, "header", "ends early: the file is truncated, or no safetensors file");
  }
  const header = parseJsonObject(decodeText(bytes.subarray(8, start), source), source, "header");
  const data = bytes.subarray(start);
  const arrays = new Map<string, SafetensorsArray>();
  let covered = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue;
    const field = `array ${name}`;
    if (!isObject(entry)) throw new InputError(source, field, "is not described by an object; expected {…}");
    const array = readArray(entry, data, source, field);
    arrays.set(name, array.array);
    covered += array.bytes;
  }
  if (covered !== data.length) {
    const mend = "the file is truncated or damaged; copy it again";
    throw new InputError(
      source,
      "data",
      `has ${data.length} bytes where the header takes ${covered}: ${mend}`,
    );
  }
  return arrays;
}

function readArray(entry: JsonObject, data: Uint8Array, source: string, field: string) {
  const { dtype, shape, data_offsets: offsets } = entry;
  const kind = typeof dtype === "string" ? KINDS[dtype] : undefined;
  if (kind === undefined) {
    const mend = `is ${JSON.stringify(dtype)}; expected an integer, F32 or F64`;
    throw new InputError(source, `${field} dtype`, mend);
  }
  if (!isSizes(shape)) throw new InputError(source, `${field} shape`, "is not a list of sizes ≥ 0");
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw new InputError(source, `${field} data_offsets`, "is not a pair of sizes ≥ 0");
  }
  const [from, to] = offsets;
  const needed = shape.reduce((product, size) => product * size, bytesPerNumber(kind));
  if (to - from !== needed || to > data.length) {
    const mend = `takes bytes ${from}..${to} of ${data.length}; expected ${needed} inside them`;
    throw new InputError(source, field, mend);
  }
  const values = decodeNumbers(kind, data.subarray(from, to), source, field);
  return { array: { shape, values }, bytes: needed };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
