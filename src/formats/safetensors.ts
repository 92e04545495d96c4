import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { isObject, type JsonObject, decodeText, parseJsonObject, shown } from "./json.ts";
import { bytesPerNumber, decodeNumbers, type NumberKind } from "./numbers.ts";

/** One array of a safetensors file, in C order. */
export interface SafetensorsArray {
  readonly shape: readonly number[];
  /** Row-major; 64-bit integers as numbers, all of them exact. */
  readonly values: ReadonlyNumbers;
}

const KINDS: ReadonlyMap<string, NumberKind> = new Map([
  ["U8", "u1"],
  ["I8", "i1"],
  ["U16", "u2"],
  ["I16", "i2"],
  ["U32", "u4"],
  ["I32", "i4"],
  ["U64", "u8"],
  ["I64", "i8"],
  ["F32", "f4"],
  ["F64", "f8"],
]);

/** Some 400,000 arrays. */
const MOST_HEADER_BYTES = 32 << 20;

/** Text beside the arrays. */
const METADATA = "__metadata__";

/**
 * Reads a safetensors file (8 bytes of header length, a JSON header, the data) of integers and floats of 32
 * or 64 bits. The arrays lie in the data side by side: together they are no more than it.
 * @returns the arrays by name
 * @throws InputError
 */
export function readSafetensors(bytes: Uint8Array, source: string): Map<string, SafetensorsArray> {
  if (bytes.length < 8)
    throw new InputError(source, "", "is not a safetensors file: it has no header; copy it again");
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = 8 + length;
  if (length > MOST_HEADER_BYTES && start <= bytes.length) {
    throw new InputError(source, "header", `has ${length} bytes; expected at most ${MOST_HEADER_BYTES}`);
  }
  if (start > bytes.length) {
    throw new InputError(
      source,
      "header",
      "ends early: the file is truncated, or no safetensors file; copy it again",
    );
  }
  const header = parseJsonObject(decodeText(bytes.subarray(8, start), source), source, "header");
  const data = bytes.subarray(start);
  const arrays = new Map<string, SafetensorsArray>();
  let covered = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === METADATA) continue;
    const field = `array ${name}`;
    if (!isObject(entry)) throw new InputError(source, field, "is not described by an object; expected {…}");
    const { kind, shape, place } = arrayPlace(entry, data, source, field);
    covered += place.length;
    if (covered > data.length) {
      throw new InputError(source, field, "takes bytes of another array; expected each in its own place");
    }
    arrays.set(name, { shape, values: decodeNumbers(kind, place, source, field) });
  }
  if (covered !== data.length) {
    const hint = "the file is truncated or damaged; copy it again";
    throw new InputError(
      source,
      "data",
      `has ${data.length} bytes where the header takes ${covered}: ${hint}`,
    );
  }
  return arrays;
}

function arrayPlace(entry: JsonObject, data: Uint8Array, source: string, field: string) {
  const { dtype, shape, data_offsets: offsets } = entry;
  const kind = typeof dtype === "string" ? KINDS.get(dtype) : undefined;
  if (kind === undefined) {
    throw new InputError(source, `${field} dtype`, `is ${shown(dtype)}; expected an integer, F32 or F64`);
  }
  if (!isSizes(shape))
    throw new InputError(source, `${field} shape`, "is not a list of sizes; expected integers ≥ 0");
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw new InputError(
      source,
      `${field} data_offsets`,
      "is not a pair of sizes; expected the first byte and the one after the last",
    );
  }
  const [from, to] = offsets;
  const needed = shape.reduce((product, size) => product * size, bytesPerNumber(kind));
  if (to - from !== needed || to > data.length) {
    const hint = `takes bytes ${from}..${to} of ${data.length}; expected ${needed} inside them`;
    throw new InputError(source, field, hint);
  }
  return { kind, shape, place: data.subarray(from, to) };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
