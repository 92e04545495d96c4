import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";

type Decoder = (data: ArrayBuffer, source: string, field: string) => ReadonlyNumbers;

/** Little-endian integers (`u`, `i`) and floats (`f`) of so many bytes each. */
export type NumberKind = "u1" | "i1" | "u2" | "i2" | "u4" | "i4" | "u8" | "i8" | "f4" | "f8";

const DECODERS: Readonly<Record<NumberKind, Decoder>> = {
  u1: (data) => new Uint8Array(data),
  i1: (data) => new Int8Array(data),
  u2: (data) => new Uint16Array(data),
  i2: (data) => new Int16Array(data),
  u4: (data) => new Uint32Array(data),
  i4: (data) => new Int32Array(data),
  u8: (data, source, field) => exactNumbers(new BigUint64Array(data), source, field),
  i8: (data, source, field) => exactNumbers(new BigInt64Array(data), source, field),
  f4: (data) => new Float32Array(data),
  f8: (data) => new Float64Array(data),
};

export function isNumberKind(text: string): text is NumberKind {
  return Object.hasOwn(DECODERS, text);
}

export function bytesPerNumber(kind: NumberKind): number {
  return Number(kind[1]);
}

/**
 * Numbers as a binary file holds them; `bytes` may lie anywhere in their buffer.
 * @param bytes a whole count of numbers
 * @param field what messages call the array
 * @returns a copy; 64-bit integers as numbers, all of them exact
 * @throws InputError when a 64-bit integer is not exact as a number
 */
export function decodeNumbers(
  kind: NumberKind,
  bytes: Uint8Array,
  source: string,
  field: string,
): ReadonlyNumbers {
  return DECODERS[kind](new Uint8Array(bytes).buffer, source, field);
}

function exactNumbers(values: BigInt64Array | BigUint64Array, source: string, field: string): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const number = Number(values[i]);
    if (!Number.isSafeInteger(number)) {
      throw new InputError(
        source,
        `${field} value ${i}`,
        `is ${values[i]}; expected at most 2^53 − 1 in size`,
      );
    }
    numbers[i] = number;
  }
  return numbers;
}
