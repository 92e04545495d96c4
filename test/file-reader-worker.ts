import { parentPort } from "node:worker_threads";
import { loadModel } from "../src/config/shapes.ts";
import { readExpertLoads } from "../src/formats/expert-load.ts";
import { readNpy } from "../src/formats/npy.ts";
import { readPlacementFile } from "../src/formats/placement-file.ts";
import { readRoutedExpertLists } from "../src/formats/routed-experts.ts";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { readSglangRecorder } from "../src/formats/sglang-recorder.ts";
import { readTensorrtLlmMap } from "../src/formats/tensorrt-llm-placement.ts";
import { readTrace } from "../src/formats/trace.ts";
import { readVllmAscendMap } from "../src/formats/vllm-ascend-placement.ts";
import { InputError } from "../src/lib/errors.ts";

const model = await loadModel("deepseek-v3");

const READERS = {
  expertLoads: readExpertLoads,
  npy: readNpy,
  placement: readPlacementFile,
  recorder: readSglangRecorder,
  routedLists: (bytes: Uint8Array) => readRoutedExpertLists(JSON.parse(Buffer.from(bytes).toString()), model),
  safetensors: readSafetensors,
  tensorrtLlm: readTensorrtLlmMap,
  trace: readTrace,
  vllmAscend: readVllmAscendMap,
} satisfies Record<string, (bytes: Uint8Array, source: string) => unknown>;

export type ReaderName = keyof typeof READERS;

/** A file for a thread that reads it. */
export interface FileToRead {
  readonly reader: ReaderName;
  readonly bytes: Uint8Array;
}

parentPort?.on("message", ({ reader, bytes }: FileToRead) => {
  try {
    READERS[reader](bytes, "f");
    parentPort?.postMessage("read");
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    parentPort?.postMessage(error.message);
  }
});
