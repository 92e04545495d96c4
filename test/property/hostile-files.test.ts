import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readNpyLoad, readSafetensorsLoad } from "../../src/formats/array-load.ts";
import { readExpertLoads } from "../../src/formats/expert-load.ts";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { readPlacementFile, writePlacementFile } from "../../src/formats/placement-file.ts";
import { metricSamples } from "../../src/formats/prometheus-text.ts";
import { readRoutedExpertLists, readRoutedExperts } from "../../src/formats/routed-experts.ts";
import { readRoutingTrace } from "../../src/formats/routing-trace.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { readSglangMap } from "../../src/formats/sglang-placement.ts";
import { readSglangRecorder } from "../../src/formats/sglang-recorder.ts";
import { readTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { readTensorrtLlmStatistics } from "../../src/formats/tensorrt-llm-statistics.ts";
import { readServegenClient } from "../../src/formats/servegen/client.ts";
import { readTrace } from "../../src/formats/trace.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../../src/formats/vllm-ascend-placement.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { modelLike } from "../../harness/small-model.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { changed, changes } from "../changed-bytes.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";
import { bytesOf } from "../npy-bytes.ts";
import { safetensorsBytes } from "../safetensors-bytes.ts";
import { size, taken } from "../taken-or-refused.ts";
import { readParts } from "../trace-reading.ts";

const golden = (name: string) => readFile(new URL(`../golden/engine-files/${name}`, import.meta.url));
const text = (whole: string) => Buffer.from(whole);
const model = modelLike(await loadModel("deepseek-v3"), { layers: 3, denseLayers: 1, experts: 8, topk: 2 });
const placement = contiguousPlacement(2, 3, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 });
const PLACEMENT = {
  modelName: "m",
  placement,
  layers: [1, 3],
  shares: evenShares(placement, indexReplicas(placement)).values,
  moves: { slots: 0, bytes: null },
  certificate: null,
  elapsedMs: 0,
};
const routing = writeNpyInt32([2, 2, 2], Int32Array.of(0, 1, 2, 3, 4, 5, 6, -1));
const counts = writeNpyInt32(
  [2, 2, 3],
  Int32Array.from({ length: 12 }, (_, i) => i),
);
const twoByTwo = bytesOf(Int32Array.of(1, 2, 3, 4));
const stat = await golden("recorder-stat.pt");
const meta = await golden("tensorrt-llm-statistics/meta_info.json");
const rank = await golden("tensorrt-llm-statistics/rank0.safetensors");

type Reader = (bytes: Uint8Array) => unknown;

/** What each reader is made for, and it. */
const FILES: Readonly<Record<string, readonly [whole: Buffer, read: Reader]>> = {
  "a recorder's dump": [stat, (bytes) => readSglangRecorder(bytes, "f")],
  "a dump of views": [await golden("recorder-stat-view.pt"), (bytes) => readSglangRecorder(bytes, "f")],
  "a dump of passes": [
    await golden("recorder-per-pass/dump_0.pt"),
    (bytes) => readSglangRecorder(bytes, "f"),
  ],
  "an array": [Buffer.from(routing), (bytes) => readNpy(bytes, "f")],
  "a routing trace": [Buffer.from(routing), (bytes) => readRoutingTrace(bytes, "f")],
  "routed experts": [Buffer.from(routing), (bytes) => readRoutedExperts(bytes, true, model)],
  "routed experts as lists": [
    text("[[[0,1],[2,3]],[[4,5],[6,-1]]]"),
    (bytes) => readRoutedExpertLists(json(bytes), model),
  ],
  safetensors: [rank, (bytes) => readSafetensors(bytes, "f")],
  statistics: [
    rank,
    (bytes) => readTensorrtLlmStatistics({ source: "m", bytes: meta }, [{ source: "f", bytes }]),
  ],
  "what describes statistics": [
    meta,
    (bytes) => readTensorrtLlmStatistics({ source: "f", bytes }, [{ source: "r", bytes: rank }]),
  ],
  "an expert load": [text('{"logical_count":[[1,2.5,0],[4,5,6]]}'), (bytes) => readExpertLoads(bytes, "f")],
  "a load that says its layers": [
    text('{"moe_layers":[1,3],"logical_count":[[0,0],[1,2],[0,0],[4,5]]}'),
    (bytes) => readExpertLoads(bytes, "f"),
  ],
  "a load of steps": [
    text('{"logical_count":[[[1,2.5,0],[4,5,6]],[[1,1,1],[0,0,0]]]}'),
    (bytes) => readExpertLoads(bytes, "f"),
  ],
  "a load as an array": [Buffer.from(counts), (bytes) => readNpyLoad(bytes, "f")],
  "a load as safetensors": [
    Buffer.from(safetensorsBytes({ a: { dtype: "I32", shape: [2, 2], data_offsets: [0, 16] } }, twoByTwo)),
    (bytes) => readSafetensorsLoad(bytes, "f"),
  ],
  "a load history": [
    text('{"load_history":[{"logical_expert_load":[[1,2],[4,5]]},{"logical_expert_load":[[6,5],[3,2]]}]}'),
    (bytes) => readExpertLoads(bytes, "f"),
  ],
  "a placement": [text(writePlacementFile(PLACEMENT)), (bytes) => readPlacementFile(bytes, "f")],
  "SGLang's placement": [
    text('{"physical_to_logical_map":[[0,1],[1,0]]}'),
    (bytes) => readSglangMap(bytes, "f"),
  ],
  "vllm-ascend's mix placement": [
    text(writeVllmAscendMap(placement, 1)),
    (bytes) => readVllmAscendMap(bytes, "f", 1),
  ],
  "vllm-ascend's placement": [await golden("vllm-ascend.json"), (bytes) => readVllmAscendMap(bytes, "f")],
  "TensorRT-LLM's placement": [await golden("tensorrt-llm.yaml"), (bytes) => readTensorrtLlmMap(bytes, "f")],
  "a placement with a layer named again": [
    text("num_slots: 2\ninitial_global_assignments:\n  3: &a [0, 1]\n  4: *a\n  5:\n  - 1\n  - 0\n"),
    (bytes) => readTensorrtLlmMap(bytes, "f"),
  ],
  "Azure's trace": [
    text("TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\n"),
    (bytes) => readTrace(bytes, "f"),
  ],
  "Mooncake's trace": [
    text('{"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[0,7]}\n'),
    (bytes) => readTrace(bytes, "f"),
  ],
  "BurstGPT's trace": [
    text(
      "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n5.0,a,4,m,1,2,3,l\n9,a,2,m,4,0,4,l\n",
    ),
    (bytes) => readTrace(bytes, "f"),
  ],
  "Qwen-Bailian's trace": [
    text(
      '{"chat_id":1,"parent_chat_id":-1,"timestamp":0.5,"input_length":20,"output_length":1,"type":"t","turn":1,"hash_ids":[0,7]}\n{"chat_id":2,"parent_chat_id":1,"timestamp":0.7,"input_length":1,"output_length":1}\n',
    ),
    (bytes) => readTrace(bytes, "f"),
  ],
  "Plimsoll's trace": [
    text(
      '{"format":"plimsoll.trace/1","block_size":64}\n{"timestamp_ms":0,"input_length":64,"output_length":1,"hash_ids":[0],"session":"s","tenant":"t"}\n{"timestamp_ms":2,"output_length":1,"prompt":"a b"}\n',
    ),
    (bytes) => readTrace(bytes, "f"),
  ],
  "a trace of conversations": [
    text(
      '{"session_id":"a","timestamp":1,"text_input":"a b","output_length":2}\n{"session_id":"a","delay":5,"text_input":"c","output_length":1}\n{"session_id":"b","timestamp":1,"messages":[{"role":"user","content":"d"}],"output_length":1}\n',
    ),
    (bytes) => readParts([bytes]),
  ],
  "ShareGPT's conversations": [
    text('[{"id":"a","conversations":[{"from":"human","value":"b c"},{"from":"gpt","value":"d"}]}]'),
    (bytes) => readParts([bytes]),
  ],
  "ServeGen's rates": [
    text("0,0,0,,0,0\n600,0.5,1,Gamma,1,2\n1200,0.1,3,Weibull,0.4,0.3\n"),
    (bytes) => readServegenClient(0, { source: "f", bytes }, { source: "m", bytes: text("{}") }),
  ],
  "ServeGen's lengths": [
    text('{"600":{"input_tokens":"{100: 0.5, 200: 0.5}","output_tokens":"{10: 1.0}"}}'),
    (bytes) =>
      readServegenClient(0, { source: "m", bytes: text("0,1,1,Gamma,1,1\n") }, { source: "f", bytes }),
  ],
  metrics: [
    text('a{b="c",d="\\n"} 1.5e3 12\na NaN\n'),
    (bytes) => metricSamples(Buffer.from(bytes).toString("latin1"), new Set(["a"])),
  ],
};

/** Undefined for what is no JSON: it never comes to the reader. */
function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

const TOKENS = [
  "\xff\xff\xff\xff",
  "\xff\xff\xff\x7f",
  "\0\0\0\0\0\0\0\x80",
  "9007199254740993",
  "-1",
  "1e308",
  "0",
  "NaN",
  "[",
  "]",
  "{",
  '"',
  ",",
  "*a",
  "? ",
  "h\0",
  "}q\0",
  "](h\0h\0e",
  "\n",
  "\u0080",
];

/** A file's values each take a byte of it at least; YAML may name a layer again, and SGLang's map counts it again. */
const VALUES_PER_BYTE = 8;

test.each(Object.entries(FILES))("%s: read as it is", (_, [whole, read]) => {
  expect(taken(() => read(whole))).toBeDefined();
});

test.each(Object.entries(FILES))(
  "%s, changed anywhere or cut off: read or refused in one line, and no more is made of it than it has bytes",
  (_, [whole, read]) => {
    fc.assert(
      fc.property(changes(4, TOKENS), (all) => {
        const bytes = changed(whole, all);
        telling(all, () => {
          expect(size(taken(() => read(new Uint8Array(bytes))))).toBeLessThan(
            40 + VALUES_PER_BYTE * bytes.length,
          );
        });
      }),
      { seed: 14_011, numRuns: runs(400) },
    );
  },
  RUNS_TIMEOUT_MS,
);
