import { describe, expect, it } from "vitest";
import {
  type PlacementFile,
  readPlacementFile,
  writePlacementFile,
} from "../../src/formats/placement-file.ts";
import { readSglangMap, writeSglangMap } from "../../src/formats/sglang-placement.ts";
import { InputError } from "../../src/lib/errors.ts";

const FILE: PlacementFile = {
  modelName: "tiny",
  placement: {
    layers: 2,
    experts: 3,
    topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 },
    physicalToLogical: new Int32Array([0, 1, 2, 0, 2, 1, 0, 1]),
  },
  layers: [3, 5],
  shares: new Float64Array([0.25, 1, 1, 0.75, 1, 0.5, 1, 0.5]),
  moves: { slots: 3, bytes: 1024 },
  certificate: {
    dispatch: "shares",
    balancedness: 0.9,
    bound: 1,
    gap: 0.1,
    layers: [
      { max: 10, mean: 9, bound: 9, kind: "mean", gap: 1 / 9 },
      { max: 20, mean: 18, bound: 18, kind: "reach", gap: 1 / 9 },
    ],
  },
  elapsedMs: 1.5,
};

const encode = (record: unknown) => new TextEncoder().encode(JSON.stringify(record));
const record = () => JSON.parse(writePlacementFile(FILE)) as Record<string, unknown>;

describe("a placement file", () => {
  it("is written in the published form", () => {
    expect(record()).toEqual({
      format: "plimsoll.placement/1",
      model: { name: "tiny", layers: 2, experts: 3, moeLayers: [3, 5] },
      topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 },
      physical_to_logical_map: [
        [0, 1, 2, 0],
        [2, 1, 0, 1],
      ],
      shares: [
        [0.25, 1, 1, 0.75],
        [1, 0.5, 1, 0.5],
      ],
      moves: { slots: 3, bytes: 1024 },
      certificate: FILE.certificate,
      elapsedMs: 1.5,
    });
  });

  it("is read as it was written, also without a model, layer numbers, bytes or a certificate", () => {
    const bare = {
      ...FILE,
      modelName: null,
      layers: null,
      moves: { slots: 0, bytes: null },
      certificate: null,
    };
    for (const file of [FILE, bare]) {
      expect(readPlacementFile(new TextEncoder().encode(writePlacementFile(file)), "p.json")).toEqual(file);
    }
  });

  it("may leave slots empty", () => {
    const holed = {
      ...FILE,
      placement: { ...FILE.placement, physicalToLogical: new Int32Array([0, 1, 2, -1, 2, 1, 0, -1]) },
      shares: new Float64Array([1, 1, 1, 0, 1, 1, 1, 0]),
    };
    expect(readPlacementFile(new TextEncoder().encode(writePlacementFile(holed)), "p.json")).toEqual(holed);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["another format", { format: "plimsoll.placement/2" }, "format is not"],
    ["no model", { model: undefined }, "model is not an object"],
    ["no layers", { model: { layers: 0, experts: 3 } }, "model.layers is 0"],
    [
      "more experts than slots",
      { model: { layers: 2, experts: 5 } },
      "model.experts is 5; expected an integer in 1..4",
    ],
    ["a name that is none", { model: { name: 3, layers: 2, experts: 3 } }, "model.name"],
    [
      "another number of layer numbers",
      { model: { layers: 2, experts: 3, moeLayers: [3] } },
      "model.moeLayers lists 1 layers; expected 2, one for each row",
    ],
    [
      "layer numbers in disorder",
      { model: { layers: 2, experts: 3, moeLayers: [3, 3] } },
      "model.moeLayers[1] is 3 after 3; expected ascending numbers",
    ],
    ["no topology", { topology: [] }, "topology is not an object"],
    [
      "half a GPU",
      { topology: { nodes: 1, gpusPerNode: 0.5, slotsPerGpu: 2 } },
      "topology.gpusPerNode is 0.5",
    ],
    [
      "too few layers",
      { physical_to_logical_map: [[0, 1, 2, 0]] },
      "physical_to_logical_map is 1 × 4; expected 2 layers × 4 slots",
    ],
    [
      "ragged rows",
      {
        physical_to_logical_map: [
          [0, 1, 2, 0],
          [2, 1, 0],
        ],
      },
      "physical_to_logical_map[1] has 3 entries",
    ],
    [
      "an unknown expert",
      {
        physical_to_logical_map: [
          [0, 1, 2, 0],
          [2, 1, 0, 3],
        ],
      },
      "physical_to_logical_map[1][3] is 3; expected an integer in -1..2",
    ],
    [
      "a missing expert",
      {
        physical_to_logical_map: [
          [0, 1, 2, 0],
          [2, 1, 1, 1],
        ],
      },
      "layer 1 has no slot for expert 0",
    ],
    [
      "a negative share",
      {
        shares: [
          [0.25, 1, 1, 0.75],
          [1, -0.5, 1, 1.5],
        ],
      },
      "shares[1][1] is -0.5",
    ],
    [
      "shares that do not sum to 1",
      {
        shares: [
          [0.25, 1, 1, 0.75],
          [1, 0.5, 1, 0.4],
        ],
      },
      "shares[1] sum to 0.9 for expert 1; expected 1",
    ],
    [
      "a share for an empty slot",
      {
        physical_to_logical_map: [
          [0, 1, 2, -1],
          [2, 1, 0, 1],
        ],
        shares: [
          [1, 1, 1, 0.75],
          [1, 0.5, 1, 0.5],
        ],
      },
      "shares[0][3] is 0.75 for an empty slot; expected 0",
    ],
    ["no moves", { moves: null }, "moves is not an object"],
    ["no moved bytes", { moves: { slots: 3 } }, "moves.bytes is missing"],
    [
      "half a certificate",
      { certificate: { balancedness: 1, bound: 1, gap: 0, layers: [] } },
      "certificate.layers is not a list of 2 layers",
    ],
    ["a wrong certificate", { certificate: { ...FILE.certificate, gap: null } }, "certificate.gap is null"],
    ["no time", { elapsedMs: undefined }, "elapsedMs is missing"],
  ])("is refused with %s", (_, change, message) => {
    const read = () => readPlacementFile(encode({ ...record(), ...change }), "p.json");
    expect(read).toThrow(InputError);
    expect(read).toThrow(`p.json: ${message}`.replace("layer 1 has", "physical_to_logical_map layer 1 has"));
  });
});

describe("SGLang's placement", () => {
  it("has the map as its only key", () => {
    const text = writeSglangMap(FILE.placement, [0, 1], 2);
    expect(JSON.parse(text)).toEqual({
      physical_to_logical_map: [
        [0, 1, 2, 0],
        [2, 1, 0, 1],
      ],
    });
    expect(readSglangMap(new TextEncoder().encode(text), "s.json")).toEqual({
      rows: 2,
      columns: 4,
      values: new Float64Array([0, 1, 2, 0, 2, 1, 0, 1]),
    });
  });

  it.each([
    [{ physical_to_logical_map: [[0]], logical_count: [[1]] }, "logical_count is not SGLang's"],
    [{}, "physical_to_logical_map is missing"],
    [{ physical_to_logical_map: [[0, -1]] }, "physical_to_logical_map[0][1] is -1"],
  ])("is refused as %j", (file, message) => {
    expect(() => readSglangMap(encode(file), "s.json")).toThrow(`s.json: ${message}`);
  });
});
