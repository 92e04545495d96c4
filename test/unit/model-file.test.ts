import { describe, expect, test } from "vitest";
import { readModel } from "../../src/config/models/read-model.ts";
import { expertBytes, kvBytes, kvBytesPerToken } from "../../src/model/moe-model.ts";

/** As a person writes a model with grouped-query attention. */
const FLAT = {
  name: "flat",
  source: "config.json",
  layers: 8,
  denseLayers: 0,
  hidden: 4096,
  denseIntermediate: 12_288,
  moeIntermediate: 1536,
  experts: 128,
  sharedExperts: 0,
  topk: 8,
  groups: 1,
  topkGroups: 1,
  routeScale: 1,
  attention: { heads: 64, kvHeads: 4, headDim: 128 } as unknown,
  vocabulary: 151_936,
};
const { denseLayers: _, ...OPEN } = FLAT;
const MLA = { heads: 16, qLoraRank: 0, kvLoraRank: 512, nopeHeadDim: 128, ropeHeadDim: 64, vHeadDim: 128 };
const GQA = { heads: 64, kvHeads: 8, headDim: 64 };
const LINEAR = { keyHeads: 16, keyHeadDim: 128, valueHeads: 32, valueHeadDim: 128 };

function read(changes: Readonly<Record<string, unknown>>, base: object = FLAT) {
  return readModel({ ...base, ...changes }, () => "m.yaml");
}

const numbers = (first: number, end: number, step = 1) =>
  Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step);

describe("which layers route to experts", () => {
  test.each([
    ["all where nothing says otherwise", {}, numbers(0, 8), []],
    ["all but so many of the first", { denseLayers: 3 }, numbers(3, 8), [0, 1, 2]],
    ["all but those named", { denseLayers: "0-6/2" }, [1, 3, 5, 7], [0, 2, 4, 6]],
    ["those named", { moeLayers: [7, 1, 5, 3] }, [1, 3, 5, 7], [0, 2, 4, 6]],
    ["ranges, steps and single ones", { moeLayers: "0, 2-3,5-7/2" }, [0, 2, 3, 5, 7], [1, 4, 6]],
    ["those for multi-token prediction behind", { denseLayers: 1, mtpLayers: 2 }, numbers(1, 10), [0]],
    ["the same, named", { moeLayers: "1-8", mtpLayers: 1 }, numbers(1, 9), [0]],
  ])("%s", (_, changes, moeLayers, denseLayers) => {
    expect(read(changes, OPEN)).toMatchObject({ moeLayers, denseLayers });
  });

  test.each([
    [{ denseLayers: 8 }, "m.yaml: denseLayers is 8; expected less than the 8 layers"],
    [{ moeLayers: [8] }, "m.yaml: moeLayers names layer 8; expected numbers from 0 to 7"],
    [{ moeLayers: "5-3" }, "m.yaml: moeLayers has 5-3, which is no layer; expected the lower number first"],
    [{ moeLayers: "odd" }, 'm.yaml: moeLayers is "odd"; expected layers such as [1, 3, 5], "3-60"'],
    [{ moeLayers: 5 }, "m.yaml: moeLayers is 5; expected layers such as [1, 3, 5]"],
    [{ moeLayers: [1, 1] }, "m.yaml: moeLayers names layer 1 twice"],
    [{ moeLayers: [] }, "m.yaml: moeLayers names none; expected the layers that route to experts"],
    [{ moeLayers: "0-999999999" }, "m.yaml: moeLayers names layer 999999999"],
    [
      { denseLayers: 4, moeLayers: "1-7/2" },
      "m.yaml: denseLayers names layer 1, which is among moeLayers; expected it in one of them",
    ],
    [
      { denseLayers: [0], moeLayers: "2-7" },
      "m.yaml: denseLayers is without layer 1, which is not among moeLayers either",
    ],
    [{ denseLayers: 1, denseIntermediate: 0 }, "m.yaml: denseIntermediate is missing or 0"],
  ])("%j is refused", (changes, message) => {
    expect(() => read(changes, OPEN)).toThrow(message);
  });
});

describe("attention", () => {
  test("one record is that of all layers, of the kind that its fields are of", () => {
    expect(read({ attention: MLA }).attention).toEqual([
      { kind: "mla", ...MLA, layers: numbers(0, 8), indexer: null },
    ]);
    expect(read({ attention: GQA, mtpLayers: 1 }).attention).toMatchObject([
      { kind: "gqa", layers: numbers(0, 9), vHeadDim: 64, window: null, outputGate: false },
    ]);
    expect(read({ attention: LINEAR }).attention).toMatchObject([{ kind: "linear", convKernel: 4 }]);
  });

  test("a list has records of some layers, and one at most of all others", () => {
    const { attention } = read({
      attention: [{ kind: "sliding", ...GQA, window: 128, layers: "0-6/2" }, GQA],
    });
    expect(attention).toMatchObject([
      { kind: "gqa", window: 128, layers: [0, 2, 4, 6] },
      { kind: "gqa", window: null, layers: [1, 3, 5, 7] },
    ]);
  });

  test("a layer may be attention, or a state, or experts alone", () => {
    const model = read({
      moeLayers: [1, 4, 7],
      denseLayers: [],
      attention: [
        { ...LINEAR, layers: "0,3,6" },
        { ...GQA, layers: [2, 5] },
      ],
    });
    expect(model).toMatchObject({ moeLayers: [1, 4, 7], denseLayers: [] });
    expect(kvBytesPerToken(model)).toBe(2 * 2 * 8 * 64 * 2);
  });

  test.each([
    [{}, "m.yaml: attention is of no known kind; expected kvLoraRank (MLA), kvHeads (grouped-query)"],
    [{ heads: 64, kvHeads: 4 }, "m.yaml: attention.headDim is missing; expected a number, for gqa attention"],
    [{ ...GQA, kvHeads: 5 }, "m.yaml: attention.kvHeads is 5; expected a divisor of the 64 heads"],
    [{ ...MLA, window: 4 }, "m.yaml: attention.window is not for mla attention; remove it"],
    [{ ...GQA, kvHead: 4 }, "m.yaml: attention has no setting `kvHead`; did you mean `kvHeads`?"],
    [{ ...GQA, kind: "sliding" }, "m.yaml: attention.window is missing; expected the tokens that sliding"],
    [
      { ...GQA, kind: "gpa" },
      'm.yaml: attention.kind is "gpa"; expected mla, gqa, sliding or linear; did you',
    ],
    [[{ ...GQA, layers: "0-3" }], "m.yaml: attention has no record for layer 4; expected every layer in one"],
    [[GQA, MLA], "m.yaml: attention[1].layers is missing, as in attention[0]; expected one record at most"],
    [
      [
        { ...GQA, layers: "0-4" },
        { ...MLA, layers: "4-7" },
      ],
      "m.yaml: attention[1].layers names layer 4, as attention[0] does; expected it in one",
    ],
    [[], "m.yaml: attention is an empty list"],
  ])("%j is refused", (attention, message) => {
    expect(() => read({ attention })).toThrow(message);
  });
});

describe("shared experts and the gate", () => {
  test.each([
    [{ sharedFused: true }, "m.yaml: sharedFused is true of a model without shared experts"],
    [
      { sharedExperts: 1, sharedIntermediate: 512, sharedFused: true },
      "m.yaml: sharedIntermediate is 512; expected moeIntermediate, 1536, where sharedFused is true",
    ],
    [{ topk: 129 }, "m.yaml: topk is 129; expected at most the 128 experts of the chosen groups"],
    [{ groups: 8, topkGroups: 9 }, "m.yaml: topkGroups is 9; expected at most the 8 groups"],
    [{ layers: 1e9 }, "m.yaml: layers is 1000000000; expected at most 1024"],
    [{ experts: 1e9 }, "m.yaml: experts is 1000000000; expected at most 4096"],
    [{ mtpLayers: 1e9 }, "m.yaml: mtpLayers is 1000000000; expected at most 1024"],
    [{ precision: "fp7" }, 'm.yaml: precision is "fp7"; expected bf16, fp8, int8, int4, mxfp4 or nvfp4'],
    [{ precision: { rest: "bf16" } }, "m.yaml: precision.experts is missing"],
  ])("%j is refused", (changes, message) => {
    expect(() => read(changes)).toThrow(message);
  });

  test("a gate need not be written where it has no groups", () => {
    const { groups: _g, topkGroups: _t, routeScale: _r, sharedExperts: _s, ...rest } = FLAT;
    expect(readModel(rest, () => "m.yaml")).toEqual(read({}));
  });
});

describe("bytes of an expert", () => {
  const WEIGHTS = 3 * 4096 * 1536;
  test.each([
    ["fp8, one FP32 scale per 128 × 128", "fp8", WEIGHTS + 3 * 32 * 12 * 4],
    ["bf16, twice that", "bf16", 2 * WEIGHTS],
    ["int8, one FP32 scale per output", "int8", WEIGHTS + (2 * 1536 + 4096) * 4],
    ["int4, a BF16 scale per 128", "int4", WEIGHTS / 2 + (WEIGHTS / 128) * 2],
    ["int4, a BF16 scale per 32", { experts: "int4", groupSize: 32 }, WEIGHTS / 2 + (WEIGHTS / 32) * 2],
    ["mxfp4, a byte per 32", "mxfp4", WEIGHTS / 2 + WEIGHTS / 32],
    ["nvfp4, a byte per 16 and an FP32 scale per matrix", "nvfp4", WEIGHTS / 2 + WEIGHTS / 16 + 3 * 4],
  ])("%s", (_, precision, bytes) => {
    expect(expertBytes(read({ precision }))).toBe(bytes);
  });

  test("two matrices without a gate, biases, and a narrower way in", () => {
    const two = { precision: "bf16", gated: false };
    expect(expertBytes(read(two))).toBe(2 * 2 * 4096 * 1536);
    expect(expertBytes(read({ ...two, expertBias: true }))).toBe(2 * 2 * 4096 * 1536 + 2 * (1536 + 4096));
    expect(expertBytes(read({ ...two, expertHidden: 1024 }))).toBe(2 * 2 * 1024 * 1536);
  });

  test("tokens travel in FP8 to FP8 experts, in BF16 to others, unless said otherwise", () => {
    const dispatchOf = (precision: unknown) => read({ precision }).precision.dispatch;
    expect(["fp8", "bf16", "nvfp4", "int4"].map(dispatchOf)).toEqual(["fp8", "bf16", "bf16", "bf16"]);
    expect(dispatchOf({ experts: "int4", dispatch: "fp8" })).toBe("fp8");
  });
});

describe("bytes of cache", () => {
  test("grow in layers that attend to all tokens, up to the window in others, and not where there is a state", () => {
    const attention = [
      { ...GQA, window: 128, layers: "0-3" },
      { ...LINEAR, layers: "4,5" },
      { ...GQA, layers: "6,7" },
    ];
    const model = read({ attention });
    const token = 2 * 8 * 64 * 2;
    const state = 2 * (32 * 128 * 128 * 4 + (2 * 16 * 128 + 32 * 128) * 3 * 2);
    expect(kvBytesPerToken(model)).toBe(2 * token);
    expect(kvBytes(model, 0)).toBe(state);
    expect(kvBytes(model, 100)).toBe(state + 6 * 100 * token);
    expect(kvBytes(model, 1000)).toBe(state + (4 * 128 + 2 * 1000) * token);
    expect(kvBytesPerToken(model, 1000)).toBe(kvBytes(model, 1000) / 1000);
  });

  test("of sparse MLA hold an index key in FP8 beside the latent", () => {
    const indexer = { heads: 64, headDim: 128, topk: 2048 };
    expect(kvBytesPerToken(read({ attention: { ...MLA, indexer } }))).toBe(8 * ((512 + 64) * 2 + 132));
  });
});
