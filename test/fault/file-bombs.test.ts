import { afterAll, expect, test } from "vitest";
import type { ReaderName } from "../file-reader-worker.ts";
import { npyBytes, npyHeader } from "../npy-bytes.ts";
import { endReading, readApart } from "../read-apart.ts";
import { safetensorsBytes } from "../safetensors-bytes.ts";

const text = (whole: string) => new TextEncoder().encode(whole);
const MEBI = new Uint8Array(1 << 20).fill(1);

/** Files that cost next to nothing to make, and did or could cost seconds, gigabytes or the process to read. */
const BOMBS: Readonly<Record<string, readonly [ReaderName, () => Uint8Array, refusal: string]>> = {
  "a .npy header without end": [
    "npy",
    () => npyBytes("{".repeat(1 << 20), MEBI, 2),
    "header has 1048577 bytes",
  ],
  "a .npy file of many axes": [
    "npy",
    () => npyBytes(npyHeader("<i4", `(${"1,".repeat(4000)})`), new Uint8Array(4)),
    "shape is (1,1,",
  ],
  "a .npy file of nothing, many times": [
    "npy",
    () => npyBytes(npyHeader("<i4", `(0, 1${"0".repeat(400)})`)),
    "shape is (0, 1000",
  ],

  "arrays that are one array": [
    "safetensors",
    () => {
      const one = { dtype: "U8", shape: [1 << 20], data_offsets: [0, 1 << 20] };
      return safetensorsBytes(
        Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`${i}`, one])),
        MEBI,
      );
    },
    "array 1 takes bytes of another array",
  ],
  "a header of 2^63 bytes": [
    "safetensors",
    () => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 123, 125),
    "header ends early",
  ],
  "an array's type nested without end": [
    "safetensors",
    () => {
      const header = text(`{"a":{"dtype":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`);
      return new Uint8Array([
        ...new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer),
        ...header,
      ]);
    },
    "array a dtype is a list of 1",
  ],

  "a long row among empty ones": [
    "expertLoads",
    () => text(`{"logical_count":[[${"0,".repeat(100_000)}0],${"[],".repeat(100_000)}[]]}`),
    "logical_count[1] is []",
  ],
  "devices of which one is long": [
    "vllmAscend",
    () => {
      const devices = Array.from({ length: 20_000 }, (_, i) => ({
        device_id: i,
        device_expert: i ? [] : Array(1e5).fill(0),
      }));
      return text(
        JSON.stringify({
          moe_layer_count: 1,
          layer_list: [{ layer_id: 0, device_count: 20_000, device_list: devices }],
        }),
      );
    },
    "layer_list[0].device_list.device_expert[1] is []",
  ],
  "rows nested without end": [
    "expertLoads",
    () => text(`{"logical_count":[[${"[".repeat(4e5)}${"]".repeat(4e5)}]]}`),
    "logical_count[0][0][0] is a list of 1",
  ],
  "a topology of more slots than numbers": [
    "placement",
    () =>
      text(
        '{"format":"plimsoll.placement/1","model":{"layers":2147483647,"experts":2147483647},' +
          '"topology":{"nodes":2147483647,"gpusPerNode":2147483647,"slotsPerGpu":2147483647},"physical_to_logical_map":[[0]]}',
      ),
    "physical_to_logical_map is 1 × 1",
  ],
  "a format nested without end": [
    "placement",
    () => text(`{"format":${"[".repeat(4e5)}${"]".repeat(4e5)}}`),
    "format is not",
  ],
  "routed experts nested without end": [
    "routedLists",
    () => text(`${"[".repeat(4e5)}${"]".repeat(4e5)}`),
    "has the shape [1, 1, 1, 1]",
  ],

  "keys in keys": ["tensorrtLlm", () => text("? ".repeat(800)), "has a list or a mapping for a key"],
  "keys without end": [
    "tensorrtLlm",
    () => text(Array.from({ length: 20_000 }, (_, i) => `a${i}: 1\n`).join("")),
    "num_slots is missing",
  ],
  "anchors without end": [
    "tensorrtLlm",
    () => text(`b: [${Array.from({ length: 10_000 }, (_, i) => `&a${i} 1,*a${i}`).join()}]`),
    "num_slots is missing",
  ],
  "aliases of aliases": [
    "tensorrtLlm",
    () => {
      const levels = Array.from({ length: 60 }, (_, i) => `  ${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join(
        "",
      );
      return text(`num_slots: 2\ninitial_global_assignments:\n  0: &a0 [0, 1]\n${levels}`);
    },
    "initial_global_assignments.1[0] is an object",
  ],
  "a layer that is many": [
    "tensorrtLlm",
    () => {
      const layers = Array.from({ length: 2000 }, (_, i) => `  ${i + 1}: *a\n`).join("");
      return text(`num_slots: 3000\ninitial_global_assignments:\n  0: &a [${"0,".repeat(3000)}]\n${layers}`);
    },
    "initial_global_assignments is of 2001 layers of 3000 slots",
  ],
  "YAML nested without end": [
    "tensorrtLlm",
    () => text("[".repeat(20_000)),
    "is not YAML (Maximum call stack",
  ],
  "YAML wrong without end": [
    "tensorrtLlm",
    () => text(`a: [${"}".repeat(20_000)}`),
    "is not YAML (Flow sequence",
  ],
  "YAML without end": ["tensorrtLlm", () => text(`a: [${"0,".repeat(1 << 19)}]`), "has 1048581 letters"],

  "lines of nothing": [
    "trace",
    () => text(`TIMESTAMP,ContextTokens,GeneratedTokens${"\n".repeat(1 << 20)}`),
    "line 2 has 1 fields",
  ],
  "commas without end": [
    "trace",
    () => text(`TIMESTAMP,ContextTokens,GeneratedTokens\n${",".repeat(1 << 20)}`),
    "line 2 has 1048577 fields",
  ],
  "a field without end": [
    "trace",
    () => text(`TIMESTAMP,ContextTokens,GeneratedTokens\n${"x".repeat(1 << 20)},1,1`),
    "line 2 TIMESTAMP is 'xxx",
  ],
  "lists of lists without end": ["trace", () => text("[".repeat(1 << 20)), "ends inside entry 1 of its list"],
  "entries of nothing": [
    "trace",
    () => text(`[${",".repeat(1 << 20)}`),
    "ends inside entry 1048577 of its list",
  ],
  "blanks without end": ["trace", () => text(" \n".repeat(1 << 20)), "line 1 begins neither an Azure trace"],
  "conversations that repeat themselves": [
    "trace",
    () => {
      const row = (n: number) => `{"session_id":1,"timestamp":${n},"text_input":"a","output_length":1}\n`;
      return text(Array.from({ length: 20_000 }, (_, n) => row(n)).join(""));
    },
    "line 501 session_id is of a conversation of more than 1000 messages",
  ],
  "a block that is many": [
    "trace",
    () =>
      text('{"timestamp":0,"input_length":4194304,"output_length":1,"hash_ids":[1],"block_size":4194304}'),
    "line 1 block_size is 4194304; expected an integer in 1..4096",
  ],
  "a prompt of 2^31 tokens": [
    "trace",
    () => text('{"timestamp":0,"input_length":2147483647,"output_length":1}'),
    "line 1 input_length is 2147483647; expected an integer in 1..4194304",
  ],
};

afterAll(endReading);

test.each(Object.entries(BOMBS))("%s", async (_, [reader, make, refusal]) => {
  const bytes = make();
  expect(bytes.length).toBeLessThan(3 << 20);
  const outcome = await readApart({ reader, bytes });
  expect(outcome).toContain(`: ${refusal}`);
  expect(outcome).toMatch(/^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]{3,1500}$/u);
});
