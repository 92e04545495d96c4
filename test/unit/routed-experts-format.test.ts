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
