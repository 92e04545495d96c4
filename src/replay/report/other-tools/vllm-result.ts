import type { ReplayReport } from "../report.ts";
import { textIn } from "../report-value.ts";

const BACKENDS: Readonly<Record<string, string>> = {
  chat: "openai-chat",
  completions: "openai",
  embeddings: "openai-embeddings",
};

const FIGURES = [
  "duration",
  "completed",
  "failed",
  "total_input_tokens",
  "total_output_tokens",
  "request_throughput",
  "request_goodput",
  "output_throughput",
  "total_token_throughput",
  "max_output_tokens_per_s",
  "max_concurrent_requests",
];
const METRICS = ["ttft", "tpot", "itl", "e2el"];
const STATISTICS = ["mean", "median", "std", "p50", "p75", "p90", "p95", "p99", "p99.9"];

/**
 * What `vllm bench serve --save-result --percentile-metrics ttft,tpot,itl,e2el` writes (0.33), from a run's report. Null
 * where nothing was measured, and for the shape of arrivals where a trace gave them.
 */
export function vllmResult(report: ReplayReport): ReplayReport {
  const endpoint = textIn(report, "endpoint_type");
  const backend = BACKENDS[endpoint] ?? endpoint;
  return {
    date: report["date"],
    endpoint_type: backend,
    backend,
    label: null,
    model_id: report["model_id"],
    tokenizer_id: report["model_id"],
    num_prompts: report["num_prompts"],
    request_rate: report["request_rate"] ?? rateSent(report),
    burstiness: report["burstiness"] ?? null,
    max_concurrency: report["max_concurrency"] ?? null,
    ...Object.fromEntries(FIGURES.map((key) => [key, report[key]])),
    // Seconds of audio per second: there is none.
    rtfx: 0,
    ...Object.fromEntries(
      METRICS.flatMap((metric) =>
        STATISTICS.map((statistic) => {
          const key = `${statistic}_${metric}_ms`;
          return [key, report[key]];
        }),
      ),
    ),
  };
}

/** Over the whole run, per second. */
function rateSent({ sent, duration }: ReplayReport): number | null {
  return typeof sent === "number" && typeof duration === "number" && duration > 0 ? sent / duration : null;
}
