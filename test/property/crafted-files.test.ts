import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readExpertLoads } from "../../src/formats/expert-load.ts";
import { readNpy } from "../../src/formats/npy.ts";
import { readPickle } from "../../src/formats/pickle.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { readSglangRecorder } from "../../src/formats/sglang-recorder.ts";
import { readStoredZip } from "../../src/formats/stored-zip.ts";
import { readTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { readTorchFile, Tensor } from "../../src/formats/torch-file.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";
import { npyBytes, npyHeader } from "../npy-bytes.ts";
import { safetensorsBytes } from "../safetensors-bytes.ts";
import { countValues } from "../../harness/fuzz/parser.ts";
import { taken } from "../taken-or-refused.ts";
import { pickled, type TensorClaim, torchFile } from "../torch-bytes.ts";
import { zipOf } from "../zip-claims.ts";

/** Files that are well-formed and claim what is not so: how much is read and made must follow from their bytes alone. */
function property<T>(name: string, claims: fc.Arbitrary<T>, usual: number, check: (claim: T) => void): void {
  test(
    name,
    () => {
      const told = fc.property(claims, (claim) => telling(claim, () => check(claim)));
      fc.assert(told, { seed: 14_012, numRuns: runs(usual) });
    },
    RUNS_TIMEOUT_MS,
  );
}

const few = fc.integer({ min: 0, max: 4 });
const claim = fc.oneof(
  { weight: 6, arbitrary: few },
  { weight: 1, arbitrary: fc.constantFrom(-1, 24, 100_000_000, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER) },
);
/** As text in which numbers have no bounds. */
const written = fc.oneof(
  claim.map(String),
  fc.constantFrom("9007199254740993", "1" + "0".repeat(400), "1 2", "1e9", "NaN"),
);
const sizes = fc.array(claim, { maxLength: 4 });
const kind = fc.constantFrom("ByteStorage", "CharStorage", "IntStorage", "LongStorage", "DoubleStorage");

interface Told extends Omit<TensorClaim, "count"> {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly key: string;
  readonly kind: string;
}

const tensor: fc.Arbitrary<Told> = fc
  .record({
    shape: fc.oneof(fc.tuple(few, few), fc.tuple(few, few, few), sizes, fc.array(few, { maxLength: 20 })),
    strides: sizes,
    offset: claim,
    key: fc.constantFrom("0", "1", "2", "x".repeat(100)),
    kind,
    bytes: fc.boolean(),
  })
  .map(({ bytes, ...told }) => ({
    ...told,
    strides: told.shape.map((_, axis) => told.strides[axis] ?? 1),
    kind: bytes ? "ByteStorage" : told.kind,
  }));

/** Every number is 1 where it is read as a byte: what is summed tells how many were read. */
const STORAGES = { "0": new Uint8Array(24).fill(1), "1": new Uint8Array(3).fill(1), "2": new Uint8Array(0) };
const WIDTHS: Readonly<Record<string, number>> = { ByteStorage: 1, CharStorage: 1, IntStorage: 4 };
const heldBy = (key: string, type: string) =>
  Math.floor((STORAGES[key as "0"] ?? STORAGES["0"]).length / (WIDTHS[type] ?? 8));

const opcodesOf = (told: Told) => pickled.tensor({ ...told, count: heldBy(told.key, told.kind) });

property("a tensor has no more elements than its storage", tensor, 1000, (told) => {
  const read = taken(() => readTorchFile(torchFile(opcodesOf(told), STORAGES), "f"));
  if (read === undefined) return;
  const { shape, strides, offset, storage } = read as Tensor;
  const elements = shape.reduce((product, length) => product * length, 1);
  expect(elements).toBeLessThanOrEqual(storage.length);
  const last = shape.reduce((at, length, axis) => at + (length - 1) * strides[axis], offset);
  if (elements > 0) expect(last).toBeLessThan(storage.length);
});

property("a dump's steps are added once", tensor, 1000, (told) => {
  const bytes = torchFile(pickled.dict(["logical_count", opcodesOf(told)]), STORAGES);
  const load = taken(() => readSglangRecorder(bytes, "f"));
  expect(load?.tokens.length ?? 0).toBeLessThanOrEqual(24);
  if (told.kind === "ByteStorage") expect(sum(load?.tokens ?? [])).toBeLessThanOrEqual(24);
});

/** Of counts that could be: a view of the bytes, of one shape with the others. */
const view = fc.record({ offset: fc.nat(8), key: fc.constantFrom("0", "0", "0", "1") });
const passes = fc.record({
  tensors: fc.oneof<fc.WeightedArbitrary<Told[]>[]>(
    { weight: 1, arbitrary: fc.array(tensor, { minLength: 1, maxLength: 3 }) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.tuple(few, few), fc.array(view, { minLength: 1, maxLength: 3 }))
        .map(([shape, views]) =>
          views.map((told) => ({ ...told, shape, strides: [shape[1], 1], kind: "ByteStorage" })),
        ),
    },
  ),
  /** Which of them each pass is, by number: the same again and again, that is. */
  order: fc.array(fc.nat(2), { minLength: 1, maxLength: 40 }),
  map: fc.option(tensor),
  /** What older versions wrote in the mode per_token, or all others. */
  field: fc.constantFrom("global_physical_count", "topk_ids_of_layer"),
});

property(
  "a dump's passes are added once, and so is its map",
  passes,
  3000,
  ({ tensors, order, map, field }) => {
    const known = tensors.map((told, i) => pickled.kept(pickled.dict([field, opcodesOf(told)]), i));
    const records = pickled.list(...known, ...order.map((i) => pickled.recalled(i % tensors.length)));
    const mapped = map ?? { ...tensors[0], offset: 0 };
    const value = pickled.dict(["records", records], ["last_physical_to_logical_map", opcodesOf(mapped)]);
    const load = taken(() => readSglangRecorder(torchFile(value, STORAGES), "f"));
    expect(load?.tokens.length ?? 0).toBeLessThanOrEqual(24);
    const inBytes = tensors.every((told) => told.kind === "ByteStorage");
    if (inBytes) expect(sum(load?.tokens ?? [])).toBeLessThanOrEqual(24 + 3);
  },
);

const far = claim.map((value) => Math.abs(value) % 2 ** 32);
const entries = fc.uniqueArray(
  fc.record({
    name: fc.oneof(fc.constantFrom("a/data.pkl", "b\n\u001b[2J"), fc.string({ maxLength: 4 })),
    size: fc.oneof({ weight: 20, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: far }),
    /** Where its header is said to be. */
    header: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: far }),
    checksum: fc.oneof({ weight: 20, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  }),
  { maxLength: 20, selector: ({ name }) => name },
);
/** True for the most part. */
const part = fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: claim });
const directory = fc.record({ entries: part, size: part, start: part, zip64: fc.boolean() });

property("a zip file's entries share no bytes", fc.tuple(entries, directory), 1000, ([listed, told]) => {
  const bytes = zipOf(listed, told);
  const read = taken(() => readStoredZip(bytes, "f"));
  const held = [...(read?.values() ?? [])].reduce((all, content) => all + content.length, 0);
  expect(held).toBeLessThanOrEqual(bytes.length);
});

const step = fc.oneof(
  fc.constantFrom("(", ")", "]", "}", "N", "t", "e", "u", "a", "s", "\x85", "\x86", "\x87", "R", "Q", "0"),
  fc.constantFrom(
    "q\0",
    "q\x01",
    "h\0",
    "h\x01",
    "r\0\0\0\x01",
    "j\0\0\0\x01",
    "K\x07",
    "ca\nb\n",
    "\x8a\x08\xff",
  ),
  fc.constantFrom("X\xff\xff\xff\x7f", "X\x01\0\0\0x", "\x8a\xff", "\x8a\x08\0\0\0\0\0\0\0\x80"),
);

property(
  "a pickle's values are no more than its opcodes",
  fc.array(step, { maxLength: 60 }),
  8_000,
  (steps) => {
    const bytes = Buffer.from(`\x80\x02${steps.join("")}.`, "latin1");
    const host = { globals: new Set(["a.b"]), call: () => [], load: () => 0 };
    const read = taken(() => readPickle(new Uint8Array(bytes), host, "f", "p"));
    assert.ok(countValues(read) <= 2 * bytes.length);
  },
);

const headers = fc.record({
  dtype: fc.constantFrom("<i4", "|u1", "<i8", "<f8", ">i4", "<c8", "|O"),
  shape: fc.array(written, { maxLength: 70 }).map((lengths) => `(${lengths.join(", ")},)`),
  data: fc.uint8Array({ maxLength: 32 }),
});

property("a .npy file's numbers are there", headers, 1000, ({ dtype, shape, data }) => {
  const read = taken(() => readNpy(npyBytes(npyHeader(dtype, shape), data), "f"));
  if (read === undefined) return;
  expect(read.values.length).toBeLessThanOrEqual(data.length);
  expect(read.shape.reduce((product, length) => product * length, 1)).toBe(read.values.length);
});

const arrayClaim = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(few, few).map(([from, length]) => ({
      dtype: "U8" as unknown,
      shape: [length] as unknown,
      data_offsets: [from, from + length] as unknown,
    })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      dtype: fc.constantFrom<unknown>("U8", "I64", "F64", "F16", "constructor", null, [["U8"]]),
      shape: fc.oneof<fc.Arbitrary<unknown>[]>(sizes, fc.constant("x")),
      data_offsets: fc.oneof<fc.Arbitrary<unknown>[]>(fc.constant([0, 8]), sizes),
    }),
  },
);
const arrays = fc.array(arrayClaim, { maxLength: 8 });

property("a safetensors file's arrays are no more than its data", arrays, 1000, (told) => {
  const header = Object.fromEntries(told.map((array, i) => [`a${i}`, array]));
  const read = taken(() => readSafetensors(safetensorsBytes(header, new Uint8Array(8)), "f"));
  const held = [...(read?.values() ?? [])].reduce((all, { values }) => all + values.length, 0);
  expect(held).toBeLessThanOrEqual(8);
});

const nested = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: "json" },
    fc.oneof(fc.nat(3), fc.constantFrom<unknown>(null, "x", {}, -1, 1e308)),
    fc.array(tie("value"), { maxLength: 4, depthIdentifier: "json" }),
  ),
})).value;

property(
  "rows are as long as they are, not as the first",
  fc.array(nested, { maxLength: 6 }),
  3000,
  (rows) => {
    const json = JSON.stringify({ logical_count: rows });
    const loads = taken(() => readExpertLoads(Buffer.from(json), "f"));
    expect(loads?.windows[0].tokens.length ?? 0).toBeLessThanOrEqual(json.length);
  },
);

const lines = fc.array(
  fc.oneof(
    fc.tuple(
      few,
      fc.constantFrom("&a [0, 1]", "*a", "*b", "[0, 1]", "{0: 1}", "? [0]", "[*a, *a]", "&b [*a]", "!x [0]"),
    ),
    fc.tuple(few, fc.constantFrom("[[[[", "? ? ? ? a", "|\n  x", "\n  - 0\n  - 1", "", "'", "!!binary AA==")),
  ),
  { maxLength: 8 },
);

property("a layer that names another is as long", lines, 1000, (told) => {
  const layers = told.map(([layer, row]) => `  ${layer}: ${row}\n`).join("");
  const text = `num_slots: 2\ninitial_global_assignments:\n${layers}`;
  const read = taken(() => readTensorrtLlmMap(Buffer.from(text), "f"));
  expect(read?.map.values.length ?? 0).toBeLessThanOrEqual(2 * told.length);
});

function sum(numbers: ArrayLike<number>): number {
  return Array.from(numbers).reduce((all, number) => all + number, 0);
}
