import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { versionSaid } from "../gateway/installed.ts";
import { readReport, readReports } from "./json-report.ts";
import type { LoadTool } from "./load-tool.ts";

/** A tokenizer of whole words, for aiperf loads one whatever it counts by. */
const TOKENIZER = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: null,
  model: { type: "WordLevel", vocab: { "<unk>": 0, word: 1 }, unk_token: "<unk>" },
};

/**
 * aiperf as its users start it on a trace of Mooncake's form: its defaults, answers counted by the server's usage. It
 * looks for nothing outside the machine.
 * @param file   its executable
 * @param folder for its tokenizer and its caches
 */
export async function aiperf(file: string, folder: string): Promise<LoadTool> {
  const tokenizer = join(folder, "tokenizer");
  await mkdir(tokenizer, { recursive: true });
  await writeFile(join(tokenizer, "tokenizer.json"), JSON.stringify(TOKENIZER));
  await writeFile(
    join(tokenizer, "tokenizer_config.json"),
    JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast", unk_token: "<unk>" }),
  );
  return {
    name: "aiperf",
    about: `aiperf ${await versionSaid(file, "--version")}: --fixed-schedule, --use-server-token-count, its defaults otherwise`,
    percentiles: "interpolated",
    command: ({ trace, url, folder: out }) => ({
      file,
      args: argumentsOf({
        model: "mock",
        tokenizer,
        url,
        "endpoint-type": "chat",
        streaming: true,
        "use-server-token-count": true,
        "input-file": trace,
        "custom-dataset-type": "mooncake_trace",
        "fixed-schedule": true,
        "no-gpu-telemetry": true,
        "no-server-metrics": true,
        ui: "none",
        "artifact-dir": join(out, "run"),
      }),
      // Its data sets are kept in the home's cache.
      environment: { HOME: folder, XDG_CACHE_HOME: join(folder, "cache"), TMPDIR: folder },
    }),
    read: async (out) => {
      const report = await readReport(join(out, "run/profile_export_aiperf.json"));
      const requests = await readReports(join(out, "run/profile_export.jsonl"));
      return {
        figures: {
          "TTFT p50": report.number("time_to_first_token", "p50"),
          "TTFT p95": report.number("time_to_first_token", "p95"),
          "TTFT p99": report.number("time_to_first_token", "p99"),
          "TTFT from the schedule p50": null,
          "TTFT from the schedule p95": null,
          "TTFT from the schedule p99": null,
          // Its "inter token latency" is the mean of an answer.
          "ITL p50": report.number("inter_chunk_latency", "p50"),
          "ITL p99": report.number("inter_chunk_latency", "p99"),
          "TPOT p50": report.number("inter_token_latency", "p50"),
          "TPOT p99": report.number("inter_token_latency", "p99"),
          "requests/s": report.number("request_throughput", "avg"),
          "tokens/s": report.number("output_token_throughput", "avg"),
        },
        completed: report.number("request_count", "avg"),
        failed: report.has("error_request_count") ? report.number("error_request_count", "avg") : 0,
        doubts:
          report.has("replay_sched_degraded") && report.number("replay_sched_degraded", "avg") > 0
            ? [
                `its schedule was degraded: half a second late at p99 (${report.number("replay_sched_lag_p99", "avg").toFixed(0)} ms)`,
              ]
            : [],
        seen: requests
          .filter((request) => !request.has("error"))
          .map((request) => ({
            requestId: request.text("metadata", "x_request_id"),
            ttftMs: request.number("metrics", "time_to_first_token", "value"),
            gapsMs: request.has("metrics", "inter_chunk_latency")
              ? request.numbers("metrics", "inter_chunk_latency", "value")
              : [],
          })),
      };
    },
  };
}

function argumentsOf(options: Readonly<Record<string, string | true>>): string[] {
  const words = Object.entries(options).map(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, value],
  );
  return ["profile", ...words.flat()];
}
