import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { readSglangRecorder } from "../../src/formats/sglang-recorder.ts";
import { readTensorrtLlmMap, writeTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { readTensorrtLlmStatistics } from "../../src/formats/tensorrt-llm-statistics.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../../src/formats/vllm-ascend-placement.ts";

// The files are made by engine-files/make.py with torch, safetensors and PyYAML, as the engines make theirs.
const folder = new URL("engine-files/", import.meta.url);
const file = (name: string) => readFile(new URL(name, folder));

/** What make.py puts at a block's layer and column. */
const count = (block: number, layer: number, column: number) => 100 * block + 10 * layer + column;

const MAP = [
  [0, 1, 2, 3, 0, 1],
  [3, 2, 1, 0, 3, 2],
];
const PLACEMENT = {
  layers: 2,
  experts: 4,
  topology: { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 },
  physicalToLogical: Int32Array.from(MAP.flat()),
};

it.each(["recorder-stat.pt", "recorder-stat-view.pt"])("reads what torch.save wrote: %s", async (name) => {
  const summed = [0, 1].map((layer) =>
    [0, 1, 2, 3].map((expert) => count(0, layer, expert) + count(1, layer, expert) + count(2, layer, expert)),
  );
  expect(readSglangRecorder(await file(name), name)).toEqual({
    layers: 2,
    experts: 4,
    tokens: Float64Array.from(summed.flat()),
  });
});

it.each([0, 1])("turns the physical counts of rank %i into logical ones", async (rank) => {
  const name = `recorder-per-pass/dump_${rank}.pt`;
  const tokens = new Float64Array(8);
  for (const [layer, row] of MAP.entries()) {
    for (const [slot, expert] of row.entries()) {
      tokens[4 * layer + expert] += count(rank, layer, slot) + count(rank + 1, layer, slot);
    }
  }
  expect(readSglangRecorder(await file(name), name)).toEqual({ layers: 2, experts: 4, tokens });
});

it("sums TensorRT-LLM's statistics over ranks and iterations", async () => {
  const read = async (source: string) => ({
    source,
    bytes: await file(`tensorrt-llm-statistics/${source}`),
  });
  const ranks = [await read("rank0.safetensors"), await read("rank1.safetensors")];
  // Ranks 0 and 1 saw blocks 0 and 1, and 1 and 2.
  const summed = [9, 10].map((layer) =>
    [0, 1, 2, 3].map(
      (expert) => count(0, layer, expert) + 2 * count(1, layer, expert) + count(2, layer, expert),
    ),
  );
  expect(readTensorrtLlmStatistics(await read("meta_info.json"), ranks)).toEqual({
    load: { layers: 2, experts: 4, tokens: Float64Array.from(summed.flat()) },
    layers: [9, 10],
  });
});

it("writes TensorRT-LLM's YAML byte for byte, and reads it", async () => {
  const bytes = await file("tensorrt-llm.yaml");
  expect(writeTensorrtLlmMap(PLACEMENT, [9, 10])).toBe(bytes.toString());
  expect(readTensorrtLlmMap(bytes, "t.yaml")).toEqual({
    map: { rows: 2, columns: 6, values: Float64Array.from(MAP.flat()) },
    layers: [9, 10],
  });
});

it("writes and reads vllm-ascend's map", async () => {
  const bytes = await file("vllm-ascend.json");
  expect(JSON.parse(writeVllmAscendMap(PLACEMENT))).toEqual(JSON.parse(bytes.toString()));
  expect(readVllmAscendMap(bytes, "a.json")).toEqual({
    gpus: 3,
    map: { rows: 2, columns: 6, values: Float64Array.from(MAP.flat()) },
  });
});
