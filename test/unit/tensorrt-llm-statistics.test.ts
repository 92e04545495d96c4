import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { readTensorrtLlmStatistics } from "../../src/formats/tensorrt-llm-statistics.ts";
import { InputError } from "../../src/lib/errors.ts";
import { bytesOf } from "../npy-bytes.ts";
import { safetensorsBytes, safetensorsOf } from "../safetensors-bytes.ts";

const array = (dtype: unknown, shape: unknown, offsets: unknown) => ({
  a: { dtype, shape, data_offsets: offsets },
});
const SIX = new Uint8Array([1, 2, 3, 4, 5, 6]);

describe("safetensors", () => {
  it.each([
    ["U8", new Uint8Array([0, 255])],
    ["I8", new Int8Array([-128, 127])],
    ["U16", new Uint16Array([0, 65_535])],
    ["I16", new Int16Array([-1, 32_767])],
    ["U32", new Uint32Array([0, 4_294_967_295])],
    ["I32", new Int32Array([-1, 2_147_483_647])],
    ["F32", new Float32Array([-1.5, 0.25])],
    ["F64", new Float64Array([-1e300, 0.1])],
    ["I64", new BigInt64Array([-1n, 9_007_199_254_740_991n])],
    ["U64", new BigUint64Array([1n, 9_007_199_254_740_991n])],
  ])("hold %s", (dtype, values) => {
    const file = safetensorsBytes(
      { __metadata__: { by: "test" }, ...array(dtype, [2, 1], [0, values.byteLength]) },
      bytesOf(values),
    );
    const arrays = readSafetensors(file, "s");
    expect([...arrays.keys()]).toEqual(["a"]);
    const { shape, values: found } = arrays.get("a") ?? expect.unreachable();
    expect(shape).toEqual([2, 1]);
    expect(Array.from(found as ArrayLike<number>)).toEqual(Array.from(values, Number));
  });

  it.each([
    ["an empty file", new Uint8Array(0), "is not a safetensors file"],
    ["a header beyond the file", safetensorsBytes({}).with(6, 1), "header ends early"],
    ["half a header", safetensorsBytes({}).with(0, 1), "header is not JSON"],
    ["an array without facts", safetensorsBytes({ a: 3 }), "array a is not described by an object"],
    [
      "half floats",
      safetensorsBytes(array("F16", [3], [0, 6]), SIX),
      'array a dtype is "F16"; expected an integer, F32 or F64',
    ],
    ["a negative shape", safetensorsBytes(array("U8", [-6], [0, 6]), SIX), "array a shape is not a list"],
    ["one offset", safetensorsBytes(array("U8", [6], [0]), SIX), "array a data_offsets is not a pair"],
    [
      "an array of another size",
      safetensorsBytes(array("U8", [2, 4], [0, 6]), SIX),
      "array a takes bytes 0..6 of 6; expected 8",
    ],
    [
      "data cut off",
      safetensorsBytes(array("U8", [6], [0, 6]), SIX.subarray(1)),
      "array a takes bytes 0..6 of 5",
    ],
    [
      "data that no array takes",
      safetensorsBytes(array("U8", [3], [0, 3]), SIX),
      "data has 6 bytes where the header takes 3",
    ],
    [
      "numbers beyond 2^53",
      safetensorsBytes(array("U64", [1], [0, 8]), bytesOf(new BigUint64Array([1n << 60n]))),
      "array a value 0 is 1152921504606846976",
    ],
  ])("are refused with %s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes, "s")).toThrow(InputError);
    expect(() => readSafetensors(bytes, "s")).toThrow(`s: ${message}`);
  });
});

const meta = (text: string) => ({ source: "meta_info.json", bytes: new TextEncoder().encode(text) });
const META = meta('{"num_experts":2,"num_experts_per_token":1}');
const read = (...ranks: readonly Readonly<Record<string, readonly number[]>>[]) =>
  readTensorrtLlmStatistics(
    META,
    ranks.map((arrays, rank) => ({ source: `rank${rank}`, bytes: safetensorsOf(arrays) })),
  );

describe("TensorRT-LLM's statistics", () => {
  it("are summed over ranks, of which one may have been idle", () => {
    const statistics = read({ "7_5": [3, 4], "7_3": [1, 2] }, { "7_5": [10, 20] }, {});
    const load = { layers: 2, experts: 2, tokens: Float64Array.from([1, 2, 13, 24]) };
    expect(statistics).toEqual({ load, layers: [3, 5] });
  });

  it.each<[string, () => unknown, string]>([
    [
      "no number of experts",
      () => readTensorrtLlmStatistics(meta("{}"), []),
      "meta_info.json: num_experts is missing",
    ],
    ["nothing recorded", () => read({}), "meta_info.json: has 0 counts of 0 iterations × 0 layers"],
    [
      "a layer that an iteration lacks",
      () => read({ "7_3": [1, 2], "7_4": [3, 4], "8_3": [1, 2] }),
      "meta_info.json: has 3 counts of 2 iterations × 2 layers beside it",
    ],
    ["another name", () => read({ layer3: [1, 2] }), "rank0: array layer3 is not named {iteration}_{layer}"],
    [
      "another number of experts",
      () => read({ "7_3": [1, 2] }, { "7_3": [1, 2, 3] }),
      "rank1: array 7_3 has shape [3]; expected one count for each of the 2 experts",
    ],
    [
      "negative counts",
      () => read({ "7_3": [1, -2] }),
      "rank0: array 7_3[1] is -2; expected a finite number ≥ 0",
    ],
  ])("are refused with %s", (_, reading, message) => {
    expect(reading).toThrow(InputError);
    expect(reading).toThrow(message);
  });
});
