import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { countedLayers, layersOfRows, rowsOf, sayLayers } from "../../src/model/layer-numbers.ts";
import { modelLike } from "../../harness/small-model.ts";

it.each([
  [[7], "7"],
  [[3, 4], "3, 4"],
  [[3, 4, 5], "3–5"],
  [[1, 3, 5], "1, 3, 5"],
  [[1, 3, 5, 7, 9], "1, 3, …, 9"],
  [[0, 2, 3, 4, 9], "0, 2–4, 9"],
])("%j is said as %s", (layers, said) => {
  expect(sayLayers(layers)).toBe(said);
});

it("finds the rows of layers by number, all or none", () => {
  expect(rowsOf([3, 5], [1, 3, 5])).toEqual([1, 2]);
  expect(rowsOf([3, 4], [1, 3, 5])).toBeNull();
});

describe("a model of 4 layers, the first dense, with one more for multi-token prediction", async () => {
  const sizes = { layers: 4, denseLayers: [0], mtpLayers: 1, experts: 8, topk: 2, groups: 1, topkGroups: 1 };
  const model = modelLike(await loadModel("deepseek-v3"), sizes);

  it.each([
    [4, [1, 2, 3, 4], [1, 2, 3, 4]],
    [5, [0, 1, 2, 3, 4], [1, 2, 3, 4]],
    [3, [1, 2, 3], [1, 2, 3]],
  ])("has %i rows of layers %j, of which %j count", (rows, layers, counted) => {
    expect(layersOfRows(rows, model)).toEqual(layers);
    expect(countedLayers(model, layers)).toEqual(counted);
  });

  it("is taken to have every layer in formats that do, where it could be either", () => {
    expect(layersOfRows(4, model, true)).toEqual([0, 1, 2, 3]);
  });

  it("has no other number of rows", () => {
    expect(layersOfRows(2, model)).toBeNull();
    expect(layersOfRows(6, model)).toBeNull();
  });
});
