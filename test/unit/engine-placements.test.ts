import { describe, expect, it } from "vitest";
import { readTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../../src/formats/vllm-ascend-placement.ts";
import { InputError } from "../../src/lib/errors.ts";

const encode = (text: string) => new TextEncoder().encode(text);

describe("TensorRT-LLM's placement", () => {
  const yaml = (slots: unknown, assignments: string) =>
    `num_slots: ${String(slots)}\ninitial_global_assignments:\n${assignments}`;

  it("may be laid out otherwise, with more settings", () => {
    const text = "{num_slots: 2, ep_size: 2, initial_global_assignments: {'4': [1, 0], '3': [0, 1]}}";
    expect(readTensorrtLlmMap(encode(text), "t.yaml")).toEqual({
      map: { rows: 2, columns: 2, values: Float64Array.from([0, 1, 1, 0]) },
      layers: [3, 4],
    });
  });

  it.each([
    ["no YAML", "a: [1", "is not YAML (Flow sequence in block collection"],
    ["an alias without an anchor", "a: *b", "*b names no value before it"],
    ["no mapping", "- 1", "is not a YAML mapping"],
    ["no slots", yaml("many", "  3: [0]"), 'num_slots is "many"; expected an integer'],
    ["other slots", yaml(3, "  3: [0, 1]"), "num_slots is 3; expected 2 as layer 3 lists"],
    ["no assignments", "num_slots: 2", "initial_global_assignments is no mapping of layers"],
    [
      "empty assignments",
      "num_slots: 2\ninitial_global_assignments: {}",
      "initial_global_assignments is no mapping",
    ],
    [
      "a layer far beyond any model's",
      yaml(1, "  99999: [0]"),
      "initial_global_assignments.99999 is no layer",
    ],
    ["a layer twice", yaml(1, "  3: [0]\n  03: [0]"), "3 is there twice"],
    ["a layer by name", yaml(1, "  first: [0]"), "initial_global_assignments.first is no layer"],
    ["a layer before the first", yaml(1, "  -1: [0]"), "initial_global_assignments.-1 is no layer"],
    ["a layer without slots", yaml(1, "  3: []"), "initial_global_assignments.3 is []; expected a list"],
    [
      "ragged layers",
      yaml(1, "  3: [0]\n  4: [0, 1]"),
      "initial_global_assignments.4 has 2 entries; expected 1 as in initial_global_assignments.3",
    ],
    [
      "an empty slot",
      yaml(2, "  3: [0, -1]"),
      "initial_global_assignments.3[1] is -1; expected an integer in 0",
    ],
    ["odd updates", `layer_updates_per_iter: -1\n${yaml(1, "  3: [0]")}`, "layer_updates_per_iter is -1"],
  ])("is refused with %s", (_, text, message) => {
    expect(() => readTensorrtLlmMap(encode(text), "t.yaml")).toThrow(InputError);
    expect(() => readTensorrtLlmMap(encode(text), "t.yaml")).toThrow(`t.yaml: ${message}`);
    expect(() => readTensorrtLlmMap(encode(text), "t.yaml")).not.toThrow("\n");
  });
});

describe("vllm-ascend's placement", () => {
  const device = (id: number, ...experts: readonly number[]) => ({ device_id: id, device_expert: experts });
  const layer = (id: number, ...devices: readonly unknown[]) => ({
    layer_id: id,
    device_count: devices.length,
    device_list: devices,
  });
  const map = (...layers: readonly unknown[]) => ({ moe_layer_count: layers.length, layer_list: layers });

  it("has a shared expert on every device in vllm-ascend's mix placement", () => {
    const placement = {
      layers: 1,
      experts: 3,
      topology: { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 },
      physicalToLogical: Int32Array.of(0, 1, 1, 2, 2, 0),
    };
    const text = writeVllmAscendMap(placement, 2);
    const devices = [device(0, 0, 1, 3), device(1, 1, 2, 4), device(2, 2, 0, 3)];
    expect(JSON.parse(text)).toEqual(map(layer(0, ...devices)));
    const { gpus, map: read } = readVllmAscendMap(encode(text), "a.json", 2);
    const values = Float64Array.from(placement.physicalToLogical);
    expect({ gpus, read }).toEqual({ gpus: 3, read: { rows: 1, columns: 6, values } });
    expect(() => readVllmAscendMap(encode(text), "a.json", 1)).toThrow(
      "a.json: layer_list[0].device_list[1].device_expert ends in 4; expected shared expert 3",
    );
    const alone = encode(JSON.stringify(map(layer(0, device(0, 0)))));
    expect(() => readVllmAscendMap(alone, "a.json", 1)).toThrow("ends in 0; expected shared expert 0");
  });

  it.each([
    ["no layers", map(), "layer_list is not a list of objects"],
    [
      "another number of layers",
      { ...map(layer(0, device(0, 0))), moe_layer_count: 2 },
      "moe_layer_count is 2; expected 1",
    ],
    ["layers in disorder", map(layer(1, device(0, 0))), "layer_list[0].layer_id is 1; expected 0"],
    ["no devices", map(layer(0)), "layer_list[0].device_list is not a list of objects"],
    [
      "another number of devices",
      map({ ...layer(0, device(0, 0)), device_count: 4 }),
      "layer_list[0].device_count is 4; expected 1",
    ],
    [
      "devices in disorder",
      map(layer(0, device(1, 0), device(0, 1))),
      "layer_list[0].device_list[0].device_id is 1; expected 0",
    ],
    [
      "devices of unequal size",
      map(layer(0, device(0, 0), device(1, 1, 2))),
      "layer_list[0].device_list.device_expert[1] has 2 entries; expected 1",
    ],
    [
      "layers of unequal size",
      map(layer(0, device(0, 0)), layer(1, device(0, 0), device(1, 0))),
      "layer_list[1] has 2 devices of 1 experts; expected 1 of 1",
    ],
    ["an empty slot", map(layer(0, device(0, -1))), "layer_list[0].device_list.device_expert[0][0] is -1"],
  ])("is refused with %s", (_, file, message) => {
    const bytes = encode(JSON.stringify(file));
    expect(() => readVllmAscendMap(bytes, "a.json")).toThrow(InputError);
    expect(() => readVllmAscendMap(bytes, "a.json")).toThrow(`a.json: ${message}`);
  });
});
