import { describe, expect, it } from "vitest";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { InputError } from "../../src/lib/errors.ts";
import { bytesOf, npyBytes, npyHeader } from "../npy-bytes.ts";

const SIX = new Uint8Array([1, 2, 3, 4, 5, 6]);

describe("reading .npy", () => {
  it.each([
    ["|u1", new Uint8Array([0, 255])],
    ["<u1", new Uint8Array([0, 255])],
    ["|i1", new Int8Array([-128, 127])],
    ["<u2", new Uint16Array([0, 65_535])],
    ["<i2", new Int16Array([-1, 32_767])],
    ["<u4", new Uint32Array([0, 4_294_967_295])],
    ["<i4", new Int32Array([-1, 2_147_483_647])],
    ["<f4", new Float32Array([-1.5, 0.25])],
    ["<f8", new Float64Array([-1e300, 0.1])],
  ])("reads %s", (dtype, values) => {
    const array = readNpy(npyBytes(npyHeader(dtype, "(2,)"), bytesOf(values)), "a.npy");
    expect(array.shape).toEqual([2]);
    expect([...(array.values as typeof values)]).toEqual([...values]);
  });

  it.each([
    ["<i8", new BigInt64Array([-1n, 9_007_199_254_740_991n])],
    ["<u8", new BigUint64Array([1n, 9_007_199_254_740_991n])],
  ])("reads %s as exact numbers", (dtype, values) => {
    const array = readNpy(npyBytes(npyHeader(dtype, "(2,)"), bytesOf(values)), "a.npy");
    expect([...(array.values as Float64Array)]).toEqual([...values].map(Number));
  });

  it.each([1, 2, 3])("reads version %i", (version) => {
    const array = readNpy(npyBytes(npyHeader("|u1", "(2, 3)"), SIX, version), "a.npy");
    expect(array.shape).toEqual([2, 3]);
    expect(array.values).toEqual(SIX);
  });

  it("reads keys in any order, a scalar's empty shape and bytes that do not begin their buffer", () => {
    const file = npyBytes(
      "{'shape': (), 'fortran_order': False, 'descr': '<u2'}",
      bytesOf(new Uint16Array([7])),
    );
    const moved = new Uint8Array(file.length + 1);
    moved.set(file, 1);
    expect(readNpy(moved.subarray(1), "a.npy")).toMatchObject({ shape: [], values: new Uint16Array([7]) });
  });

  it.each([
    ["no .npy at all", new TextEncoder().encode("TIMESTAMP,ContextTokens"), "is not a .npy file"],
    ["an empty file", new Uint8Array(0), "is not a .npy file"],
    ["an unknown version", npyBytes(npyHeader("|u1", "(6,)"), SIX, 4), "is .npy version 4"],
    ["half a header", npyBytes(npyHeader("|u1", "(6,)")).subarray(0, 30), "header ends early"],
    ["too little data", npyBytes(npyHeader("|u1", "(2, 4)"), SIX), "data has 6 bytes where shape (2, 4)"],
    ["too much data", npyBytes(npyHeader("|u1", "(5,)"), SIX), "remove what follows"],
    [
      "big-endian data",
      npyBytes(npyHeader(">i4", "(1,)"), SIX.subarray(2)),
      "descr is '>i4', big-endian; save it as '<i4'",
    ],
    ["Python objects", npyBytes(npyHeader("|O", "(1,)"), SIX), "descr is '|O'"],
    ["booleans", npyBytes(npyHeader("|b1", "(6,)"), SIX), "descr is '|b1'"],
    ["half floats", npyBytes(npyHeader("<f2", "(3,)"), SIX), "descr is '<f2'"],
    ["Fortran order", npyBytes(npyHeader("|u1", "(2, 3)", "True"), SIX), "fortran_order is not False"],
    [
      "records",
      npyBytes("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }", SIX),
      "not that of a plain array",
    ],
    [
      "a further key",
      npyBytes("{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'x': 1}", SIX),
      "not that of a plain array",
    ],
    ["a missing key", npyBytes("{'descr': '|u1', 'shape': (6,)}", SIX), "fortran_order is not False"],
    [
      "numbers beyond 2^53",
      npyBytes(npyHeader("<u8", "(1,)"), bytesOf(new BigUint64Array([1n << 60n]))),
      "data value 0 is 1152921504606846976",
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readNpy(bytes, "a.npy")).toThrow(InputError);
    expect(() => readNpy(bytes, "a.npy")).toThrow(message);
    expect(() => readNpy(bytes, "a.npy")).toThrow(/^a\.npy: /);
  });
});

describe("writing .npy", () => {
  it("writes the bytes that NumPy writes", () => {
    const file = writeNpyInt32([3], new Int32Array([-1, 0, 258]));
    const header = "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }";
    expect([...file.subarray(0, 10)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
    expect(new TextDecoder().decode(file.subarray(10, 128))).toBe(`${header.padEnd(117)}\n`);
    expect([...file.subarray(128)]).toEqual([255, 255, 255, 255, 0, 0, 0, 0, 2, 1, 0, 0]);
  });

  it("does not write a shape that does not fit", () => {
    expect(() => writeNpyInt32([2, 2], new Int32Array(3))).toThrow(RangeError);
  });
});
