import { readFileSync } from "node:fs";
import { contiguousPlacement } from "../../../src/core/placement/contiguous.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { readNpyLoad, readSafetensorsLoad } from "../../../src/formats/array-load.ts";
import { readExpertLoads } from "../../../src/formats/expert-load.ts";
import { readHuggingFaceConfig } from "../../../src/formats/hugging-face/read-config.ts";
import { readNpy, writeNpyInt32 } from "../../../src/formats/npy.ts";
import { readPlacementFile, writePlacementFile } from "../../../src/formats/placement-file.ts";
import { readRoutedExpertLists, readRoutedExperts } from "../../../src/formats/routed-experts.ts";
import { readRoutingTrace } from "../../../src/formats/routing-trace.ts";
import { readSafetensors } from "../../../src/formats/safetensors.ts";
import { readSglangMap } from "../../../src/formats/sglang-placement.ts";
import { readSglangRecorder } from "../../../src/formats/sglang-recorder.ts";
import { readStoredZip } from "../../../src/formats/stored-zip.ts";
import { readTensorrtLlmMap } from "../../../src/formats/tensorrt-llm-placement.ts";
import { readTensorrtLlmStatistics } from "../../../src/formats/tensorrt-llm-statistics.ts";
import { readTorchFile } from "../../../src/formats/torch-file.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../../../src/formats/vllm-ascend-placement.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import { modelLike, SMALL_MODEL } from "../../small-model.ts";
import type { FuzzedParser } from "../parser.ts";
import { parsedOrNothing } from "./json.ts";

const GOLDEN = new URL("../../../test/golden/engine-files/", import.meta.url);

const golden = (name: string) => readFileSync(new URL(name, GOLDEN));
const text = (whole: string) => Buffer.from(whole);
const model = modelLike(SMALL_MODEL, {
  layers: 3,
  denseLayers: 1,
  experts: 8,
  topk: 2,
  groups: 1,
  topkGroups: 1,
});
const placement = contiguousPlacement(2, 3, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 });
const PLACEMENT = writePlacementFile({
  modelName: "m",
  placement,
  layers: [1, 3],
  shares: evenShares(placement, indexReplicas(placement)).values,
  moves: { slots: 0, bytes: null },
  certificate: null,
  elapsedMs: 0,
});
const routing = writeNpyInt32([2, 2, 2], Int32Array.of(0, 1, 2, 3, 4, 5, 6, -1));
const counts = writeNpyInt32(
  [2, 2, 3],
  Int32Array.from({ length: 12 }, (_, i) => i),
);
const stat = golden("recorder-stat.pt");
const views = golden("recorder-stat-view.pt");
const passes = golden("recorder-per-pass/dump_0.pt");
const meta = golden("tensorrt-llm-statistics/meta_info.json");
const rank = golden("tensorrt-llm-statistics/rank0.safetensors");
const tensors = safetensors({ a: { dtype: "I32", shape: [2, 2], data_offsets: [0, 16] } }, 16);

const ARRAYS = ["NUMPY", "'<i4'", "'|u1'", "'>f8'", "True", "fortran_order", "(1,)", "()", "descr"];
const PICKLED = [
  "h\0",
  "}q\0",
  "](h\0h\0e",
  "ctorch\n_utils\n",
  "\x80\x02",
  "R",
  "K\x01",
  "\x8a\x08",
  "Q",
  "(",
  "t",
  ".",
];
const ZIPPED = ["PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07"];
const TENSORS = ["I64", "F32", "BF16", "data_offsets", "shape", "__metadata__"];
const LOADS = ["logical_count", "load_history", "moe_layers", "[[", "]]"];
const YAML = ["*a", "&a", "? ", "- ", ": ", "<<", "!!binary", "|\n", "num_slots", "---\n"];

/** Readers of files that other programs leave, or one leaves for another of these commands. */
export const FILE_PARSERS: readonly FuzzedParser[] = [
  file("torch-recorder", [stat, views, passes], (bytes) => readSglangRecorder(bytes, "f"), [
    ...PICKLED,
    ...ZIPPED,
  ]),
  file("torch-file", [stat, views, passes], (bytes) => readTorchFile(bytes, "f"), [...PICKLED, ...ZIPPED]),
  file("stored-zip", [stat, passes], (bytes) => readStoredZip(bytes, "f"), ZIPPED),
  file("npy", [routing, counts], (bytes) => readNpy(bytes, "f"), ARRAYS),
  file("npy-routing", [routing], (bytes) => readRoutingTrace(bytes, "f"), ARRAYS),
  file("npy-load", [counts], (bytes) => readNpyLoad(bytes, "f"), ARRAYS),
  file("routed-experts", [routing], (bytes) => readRoutedExperts(bytes, true, model), ARRAYS),
  file("routed-experts-lists", [text("[[[0,1],[2,3]],[[4,5],[6,-1]]]")], (bytes) =>
    readRoutedExpertLists(parsedOrNothing(bytes), model),
  ),
  file("safetensors", [rank, tensors], (bytes) => readSafetensors(bytes, "f"), TENSORS),
  file("safetensors-load", [tensors], (bytes) => readSafetensorsLoad(bytes, "f"), TENSORS),
  file(
    "tensorrt-llm-statistics",
    [rank],
    (bytes) => readTensorrtLlmStatistics({ source: "m", bytes: meta }, [{ source: "f", bytes }]),
    TENSORS,
  ),
  file("tensorrt-llm-meta", [meta], (bytes) =>
    readTensorrtLlmStatistics({ source: "f", bytes }, [{ source: "r", bytes: rank }]),
  ),
  file(
    "expert-load",
    [
      text('{"logical_count":[[1,2.5,0],[4,5,6]]}'),
      text('{"moe_layers":[1,3],"logical_count":[[0,0],[1,2],[0,0],[4,5]]}'),
      text('{"logical_count":[[[1,2.5,0],[4,5,6]],[[1,1,1],[0,0,0]]]}'),
      text('{"load_history":[{"logical_expert_load":[[1,2],[4,5]]},{"logical_expert_load":[[6,5],[3,2]]}]}'),
    ],
    (bytes) => readExpertLoads(bytes, "f"),
    LOADS,
  ),
  file("placement", [text(PLACEMENT)], (bytes) => readPlacementFile(bytes, "f"), [
    "physical_to_logical_map",
    "shares",
  ]),
  file("sglang-placement", [text('{"physical_to_logical_map":[[0,1],[1,0]]}')], (bytes) =>
    readSglangMap(bytes, "f"),
  ),
  file(
    "vllm-ascend-placement",
    [text(writeVllmAscendMap(placement, 0)), golden("vllm-ascend.json")],
    (bytes) => readVllmAscendMap(bytes, "f"),
  ),
  file("vllm-ascend-mix-placement", [text(writeVllmAscendMap(placement, 1))], (bytes) =>
    readVllmAscendMap(bytes, "f", 1),
  ),
  file(
    "tensorrt-llm-placement",
    [
      golden("tensorrt-llm.yaml"),
      text("num_slots: 2\ninitial_global_assignments:\n  3: &a [0, 1]\n  4: *a\n  5:\n  - 1\n  - 0\n"),
    ],
    (bytes) => readTensorrtLlmMap(bytes, "f"),
    YAML,
  ),
  file("hugging-face-config", huggingFaceConfigs(), (bytes) =>
    readHuggingFaceConfig(bytes, "f", { name: null, quantization: null }),
  ),
];

function file(
  name: string,
  files: readonly Uint8Array[],
  read: (bytes: Buffer) => unknown,
  tokens: readonly string[] = [],
): FuzzedParser {
  return { name, files, read, tokens };
}

/** The header as JSON behind its length, then so many bytes. */
function safetensors(header: object, bytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(bytes, 1)]);
}

function huggingFaceConfigs(): Buffer[] {
  const path = new URL("../model-configs.json", GOLDEN);
  const configs = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, unknown>>;
  return Object.values(configs).map((config) => text(JSON.stringify(config)));
}
