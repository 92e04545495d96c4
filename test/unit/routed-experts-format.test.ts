import { beforeAll, describe, expect, test } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { modelLike } from "../../harness/small-model.ts";
import { readRoutedExpertLists, readRoutedExperts } from "../../src/formats/routed-experts.ts";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";

/** 1 dense and 2 MoE layers, 16 experts, top-2. */
let model: MoeModel;
beforeAll(async () => {
  model = modelLike(await loadModel("deepseek-v3"), {
    name: "small",
    layers: 3,
    denseLayers: 1,
    experts: 16,
    topk: 2,
  });
});

/** Two tokens at all three layers. */
const ALL = [0, 0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 15];
/** What of them routes. */
const ROUTED = { tokens: 2, layers: 2, topk: 2, experts: Int16Array.of(1, 2, 3, 4, 5, 6, 7, 15) };

function bytesOf(values: Int32Array | Uint16Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer);
}

describe("raw ids", () => {
  test.each([
    ["int32", Int32Array],
    ["uint16", Uint16Array],
    ["uint8", Uint8Array],
  ])("of %s are told by their range, and the dense layers left out", (_, Ids) => {
    expect(readRoutedExperts(bytesOf(Ids.from(ALL)), true, model)).toEqual(ROUTED);
  });

  test("may be of the MoE layers alone", () => {
    // Of 4 tokens at 2 layers: 16 numbers are no whole count of tokens at 3 layers.
    const ids = Int32Array.from([...ROUTED.experts, ...ROUTED.experts]);
    expect(readRoutedExperts(bytesOf(ids), true, model)).toEqual({
      ...ROUTED,
      tokens: 4,
      experts: Int16Array.from(ids),
    });
  });

  test("that break off count as far as tokens are whole", () => {
    const bytes = bytesOf(Int32Array.from(ALL)).subarray(0, 45);
    expect(readRoutedExperts(bytes, false, model)).toMatchObject({
      tokens: 1,
      experts: Int16Array.of(1, 2, 3, 4),
    });
    expect(() => readRoutedExperts(bytes, true, model)).toThrow("has 45 bytes that are no experts of small");
  });

  test("may say that a choice went nowhere, and nothing else that is no expert", () => {
    const none = ALL.with(3, -1);
    expect(readRoutedExperts(bytesOf(Int32Array.from(none)), true, model).experts[1]).toBe(-1);
    const foreign = bytesOf(Int32Array.from(ALL.with(3, 16)));
    expect(() => readRoutedExperts(foreign, true, model)).toThrow("no experts of small");
  });

  test("none at all are refused", () => {
    expect(() => readRoutedExperts(new Uint8Array(0), true, model)).toThrow("has 0 bytes");
  });
});

test("a .npy file says its shape itself", () => {
  const file = (...shape: number[]) => writeNpyInt32(shape, Int32Array.from(ALL));
  expect(readRoutedExperts(file(2, 3, 2), true, model)).toEqual(ROUTED);
  expect(() => readRoutedExperts(file(3, 2, 2), true, model).tokens).not.toThrow();
  expect(() => readRoutedExperts(file(2, 2, 3), true, model)).toThrow(
    "has the shape [2, 2, 3]; expected [tokens, 3, 2]",
  );
  expect(() => readRoutedExperts(file(2, 3, 2).subarray(0, 100), true, model)).toThrow("truncated");
});

describe("nested lists", () => {
  test("are [tokens][layers][topk]", () => {
    const lists = [
      [
        [0, 0],
        [1, 2],
        [3, 4],
      ],
      [
        [0, 0],
        [5, 6],
        [7, 15],
      ],
    ];
    expect(readRoutedExpertLists(lists, model)).toEqual(ROUTED);
  });

  test.each([
    [[]],
    ["text"],
    [{}],
    [[[1, 2]]],
    [[[[1, 2], [3]]]],
    [
      [
        [
          [1, 2.5],
          [3, 4],
          [5, 6],
        ],
      ],
    ],
    [
      [
        [
          ["1", 2],
          [3, 4],
          [5, 6],
        ],
      ],
    ],
  ])("%j is refused", (lists) => {
    expect(() => readRoutedExpertLists(lists, model)).toThrow("has the shape");
  });
});

describe("models whose layers route here and there", () => {
  /** Of layers 0 to 4, 1 and 3 route; the layer behind them, for multi-token prediction, does too. */
  const odd = () =>
    modelLike(model, { layers: 5, moeLayers: [1, 3], denseIntermediate: 64, mtpLayers: 1, topk: 1 });
  const read = (ids: readonly number[], whole = true) =>
    readRoutedExperts(bytesOf(Int32Array.from(ids)), whole, odd());

  test("are read by the numbers of their layers, and what engines do not capture is none", () => {
    const all = [0, 7, 0, 9, 0, 0, 11, 0, 13, 0];
    expect(read(all)).toEqual({
      tokens: 2,
      layers: 3,
      topk: 1,
      experts: Int16Array.of(7, 9, -1, 11, 13, -1),
    });
    const withMtp = [0, 7, 0, 9, 0, 3, 0, 11, 0, 13, 0, 5];
    expect(read(withMtp).experts).toEqual(Int16Array.of(7, 9, 3, 11, 13, 5));
    const files = writeNpyInt32([2, 6, 1], Int32Array.from(withMtp));
    expect(readRoutedExperts(files, true, odd()).experts).toEqual(Int16Array.of(7, 9, 3, 11, 13, 5));
  });

  test("are told from answers of the routing layers alone by what layers without experts say", () => {
    // Five tokens of two layers, which are as many numbers as two tokens of five.
    const routing = [7, 9, 11, 13, 1, 2, 3, 4, 5, 6];
    expect(read(routing)).toMatchObject({ tokens: 5 });
    expect(read(routing).experts.slice(0, 6)).toEqual(Int16Array.of(7, 9, -1, 11, 13, -1));
    expect(read([...routing, 8], false)).toMatchObject({ tokens: 5 });
    // A beginning whose layers without experts are empty is of all layers.
    expect(read([0, 7, 0, 9, 0, 0, 11], false)).toMatchObject({
      tokens: 1,
      experts: Int16Array.of(7, 9, -1),
    });
  });
});
