import { expect, it } from "vitest";
import type { ReplayFlags } from "../../src/cli/replay/flags.ts";
import { readSettings } from "../../src/cli/replay/settings.ts";

const FLAGS = { url: "http://127.0.0.1:9", workers: 1, rate: 1, speed: 1 };

function targetsOf(...goodput: readonly string[]) {
  return readSettings({ ...FLAGS, goodput } as unknown as ReplayFlags, {}).goodput;
}

const ALL = { ttftMs: 200, tpotMs: 50, e2eMs: 5000 };

it.each([
  ["vllm's", ["ttft:200", "tpot:50", "e2el:5000"], ALL],
  ["aiperf's", ["time_to_first_token:200 inter_token_latency:50 request_latency:5000"], ALL],
  ["guidellm's", ["time_to_first_token_ms:200,time_per_output_token_ms:50", "e2e_latency:5000"], ALL],
  ["tokens of a user", ["output_token_throughput_per_user:25"], { ttftMs: null, tpotMs: 40, e2eMs: null }],
])("goodput takes %s words for its targets", (_, words, targets) => {
  expect(targetsOf(...words)).toEqual(targets);
});

it.each([
  ["time_to_first_tokens:9", /; did you mean time_to_first_token\?$/],
  ["inter_chunk_latency:9", /expected ttft:200, tpot:50 or e2el:5000 \(ms\)/],
  ["toString:9", /e2el:5000 \(ms\)$/],
  ["ttft:fast", /e2el:5000 \(ms\)$/],
  ["output_token_throughput_per_user:-1", /is no target/],
])("goodput refuses %s", (word, message) => {
  expect(() => targetsOf(word)).toThrow(message);
});
