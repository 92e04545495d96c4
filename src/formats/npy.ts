import { InputError } from "../lib/errors.ts";
import { oneLine } from "../lib/printable.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { bytesPerNumber, decodeNumbers, isNumberKind } from "./numbers.ts";

/** One array of a NumPy `.npy` file (format: numpy.lib.format, versions 1 to 3), in C order. */
export interface NpyArray {
  /** As the file names it, e.g. `<i4`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Row-major; 64-bit integers as numbers, all of them exact. */
  readonly values: ReadonlyNumbers;
}

/** NumPy's own limits (numpy.lib.format, max_header_size; NPY_MAXDIMS). */
const MOST_HEADER_BYTES = 10_000;
const MOST_AXES = 64;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * Reads a `.npy` file strictly: every byte accounted for.
 * @param source what messages call the file
 * @throws InputError when the bytes are no `.npy`, truncated, too long, big-endian, in Fortran order or of
 *   a type other than integers and floats of up to 64 bits
 */
export function readNpy(bytes: Uint8Array, source: string): NpyArray {
  const { text, end } = readHeader(bytes, source);
  const { dtype, shape } = parseHeader(text, source);
  const kind = /^[<|=]?([uif][1248])$/.exec(dtype)?.[1] ?? "";
  const named = `'${oneLine(dtype, 40)}'`;
  if (dtype.startsWith(">")) {
    throw new InputError(
      source,
      "descr",
      `is ${named}, big-endian; save it as '<${oneLine(dtype.slice(1), 40)}'`,
    );
  }
  if (!isNumberKind(kind)) {
    throw new InputError(source, "descr", `is ${named}; expected an integer or float type of up to 64 bits`);
  }
  const needed = shape.reduce((product, size) => product * size, bytesPerNumber(kind));
  const held = bytes.length - end;
  if (held !== needed) {
    const hint = held < needed ? "the file is truncated; copy it again" : "remove what follows the array";
    throw new InputError(
      source,
      "data",
      `has ${held} bytes where shape (${shape.join(", ")}) of '${dtype}' takes ${needed}: ${hint}`,
    );
  }
  return { dtype, shape, values: decodeNumbers(kind, bytes.subarray(end), source, "data") };
}

/** Whether a dtype as `.npy` names it is an integer type. */
export function isIntegerType(dtype: string): boolean {
  return /^[<|=]?[ui]/.test(dtype);
}

/** A version 1.0 `.npy` file of little-endian int32; `values` row-major in `shape`. */
export function writeNpyInt32(shape: readonly number[], values: Int32Array): Uint8Array {
  const size = shape.reduce((product, length) => product * length, 1);
  if (size !== values.length)
    throw new RangeError(`shape ${shape.join("×")} does not fit ${values.length} values`);
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '<i4', 'fortran_order': False, 'shape': (${tuple}), }`;
  // numpy aligns the data to 64 bytes with blanks and ends the header with a line feed.
  const start = Math.ceil((10 + text.length + 1) / 64) * 64;
  const file = new Uint8Array(start + 4 * size);
  file.set([...MAGIC, 1, 0]);
  const view = new DataView(file.buffer);
  view.setUint16(8, start - 10, true);
  file.set(new TextEncoder().encode(`${text.padEnd(start - 11)}\n`), 10);
  new Int32Array(file.buffer, start).set(values);
  return file;
}

function readHeader(bytes: Uint8Array, source: string): { text: string; end: number } {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new InputError(source, "", "is not a .npy file; save the array with numpy.save");
  }
  const version = bytes[6];
  if (version < 1 || version > 3) {
    throw new InputError(source, "", `is .npy version ${version}; expected 1, 2 or 3`);
  }
  const start = version === 1 ? 10 : 12;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < start) throw truncatedHeader(source);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MOST_HEADER_BYTES) {
    throw new InputError(source, "header", `has ${length} bytes; expected at most ${MOST_HEADER_BYTES}`);
  }
  const end = start + length;
  if (end > bytes.length) throw truncatedHeader(source);
  const encoding = version === 3 ? "utf-8" : "latin1";
  return { text: new TextDecoder(encoding).decode(bytes.subarray(start, end)), end };
}

function truncatedHeader(source: string): InputError {
  return new InputError(source, "header", "ends early: the file is truncated; copy it again");
}

/** The header is a Python dictionary of exactly three keys, in any order. */
function parseHeader(text: string, source: string): { dtype: string; shape: number[] } {
  const items: Record<string, string> = {};
  const rest = text
    .trim()
    .replace(
      /'(descr|fortran_order|shape)'\s*:\s*('[^']*'|True|False|\([\d\s,]*\))/g,
      (_, key: string, value: string) => {
        items[key] = value;
        return "";
      },
    );
  const dtype = /^'(.*)'$/.exec(items.descr ?? "")?.[1];
  const tuple = /^\((.*)\)$/s.exec(items.shape ?? "")?.[1];
  if (!/^\{[\s,]*\}$/.test(rest) || dtype === undefined || tuple === undefined) {
    throw new InputError(source, "header", "is not that of a plain array; save one array with numpy.save");
  }
  if (items.fortran_order !== "False") {
    throw new InputError(source, "fortran_order", "is not False; save numpy.ascontiguousarray(array)");
  }
  const sizes = tuple.split(",").map((size) => size.trim());
  const shape = sizes.filter((size) => size !== "").map(Number);
  if (shape.length > MOST_AXES || !shape.every(Number.isSafeInteger)) {
    const found = oneLine(tuple, 100);
    throw new InputError(source, "shape", `is (${found}); expected at most ${MOST_AXES} sizes below 2^53`);
  }
  return { dtype, shape };
}
