import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";

/** The bytes begin where a number of their kind may. */
type Decoder = (bytes: Uint8Array<ArrayBuffer>, source: string, field: string) => ReadonlyNumbers;
type Halves = Int32Array | Uint32Array;

/** Little-endian integers (`u`, `i`) and floats (`f`) of so many bytes each. */
export type NumberKind = "u1" | "i1" | "u2" | "i2" | "u4" | "i4" | "u8" | "i8" | "f4" | "f8";

const DECODERS: Readonly<Record<NumberKind, Decoder>> = {
  u1: (bytes) => bytes,
  i1: ({ buffer, byteOffset, length }) => new Int8Array(buffer, byteOffset, length),
  u2: ({ buffer, byteOffset, length }) => new Uint16Array(buffer, byteOffset, length / 2),
  i2: ({ buffer, byteOffset, length }) => new Int16Array(buffer, byteOffset, length / 2),
  u4: ({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length / 4),
  i4: ({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length / 4),
  u8: (bytes, source, field) => exactNumbers(bytes, Uint32Array, source, field),
  i8: (bytes, source, field) => exactNumbers(bytes, Int32Array, source, field),
  f4: ({ buffer, byteOffset, length }) => new Float32Array(buffer, byteOffset, length / 4),
  f8: ({ buffer, byteOffset, length }) => new Float64Array(buffer, byteOffset, length / 8),
};

export function isNumberKind(text: string): text is NumberKind {
  return Object.hasOwn(DECODERS, text);
}

export function bytesPerNumber(kind: NumberKind): number {
  return Number(kind[1]);
}

/**
 * Numbers as a binary file holds them; `bytes` may lie anywhere in their buffer.
 * @param bytes a whole count of numbers, which stay as they are
 * @param field what messages call the array
 * @returns the same memory where it can be, else as much of its own; 64-bit integers as numbers, all of them exact
 * @throws InputError when a 64-bit integer is not exact as a number
 */
export function decodeNumbers(
  kind: NumberKind,
  bytes: Uint8Array,
  source: string,
  field: string,
): ReadonlyNumbers {
  const lies = bytes.buffer instanceof ArrayBuffer && bytes.byteOffset % bytesPerNumber(kind) === 0;
  const { buffer, byteOffset, length } = lies ? bytes : Uint8Array.from(bytes);
  return DECODERS[kind](new Uint8Array(buffer as ArrayBuffer, byteOffset, length), source, field);
}

/** @param High how the high half of a number is read, which says its sign */
function exactNumbers(
  { buffer, byteOffset, length }: Uint8Array<ArrayBuffer>,
  High: Int32ArrayConstructor | Uint32ArrayConstructor,
  source: string,
  field: string,
): Float64Array {
  const low = new Uint32Array(buffer, byteOffset, length / 4);
  const high: Halves = new High(buffer, byteOffset, length / 4);
  const numbers = new Float64Array(length / 8);
  for (let i = 0; i < numbers.length; i++) {
    const number = high[2 * i + 1] * 2 ** 32 + low[2 * i];
    if (!Number.isSafeInteger(number)) {
      const exact = BigInt(high[2 * i + 1]) * 2n ** 32n + BigInt(low[2 * i]);
      throw new InputError(source, `${field} value ${i}`, `is ${exact}; expected at most 2^53 − 1 in size`);
    }
    numbers[i] = number;
  }
  return numbers;
}
