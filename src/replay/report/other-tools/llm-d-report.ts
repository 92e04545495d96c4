import type { Json } from "../json.ts";
import type { ReplayReport } from "../report.ts";
import { numberIn, textIn } from "../report-value.ts";
import type { RequestSpreads } from "./request-spreads.ts";
import type { Spread, SpreadSummary } from "./spread.ts";

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, "p1"],
  [5, "p5"],
  [10, "p10"],
  [25, "p25"],
  [50, "p50"],
  [75, "p75"],
  [90, "p90"],
  [95, "p95"],
  [99, "p99"],
  [99.9, "p99p9"],
]);

/**
 * The llm-d benchmark report (schema 0.2.1) of a run. Its times count from the scheduled start, as the run's report.
 * @param version this tool's own
 */
export function llmDReport(report: ReplayReport, spreads: RequestSpreads, version: string): ReplayReport {
  const rate = numberIn(report, "request_rate") ?? perSecond(report, "sent");
  const concurrency = numberIn(report, "max_concurrency");
  const output = lengths(spreads.output);
  return {
    version: "0.2.1",
    run: {
      uid: `${spreads.run ?? "plimsoll"}-${textIn(report, "date")}`,
      time: {
        start: report["started_at"],
        end: report["ended_at"],
        duration: `PT${numberIn(report, "duration") ?? 0}S`,
      },
      ...(report["partial"] === null ? {} : { description: `partial: ${textIn(report, "partial")}` }),
    },
    scenario: {
      load: {
        metadata: { schema_version: "0.0.1", description: `trace ${textIn(report, "trace")}` },
        standardized: {
          tool: "plimsoll replay",
          tool_version: version,
          parallelism: 1,
          source: "sampled",
          input_seq_len: lengths(spreads.input) ?? { distribution: "other", value: 0 },
          ...(report["lengths"] !== "forced" || output === null ? {} : { output_seq_len: output }),
          ...(rate === null || rate <= 0 ? {} : { rate_qps: rate }),
          ...(concurrency === null ? {} : { concurrency }),
        },
        native: { args: argumentsOf(report) },
      },
    },
    results: {
      request_performance: {
        aggregate: {
          requests: requests(report, spreads),
          latency: latency(spreads),
          throughput: throughput(report),
        },
      },
    },
  };
}

/** What the run was asked, as its report has it. */
const ASKED = [
  "trace",
  "trace_format",
  "url",
  "model",
  "endpoint_type",
  "speed",
  "seed",
  "lengths",
  "max_in_flight",
];

function argumentsOf(report: ReplayReport): Json {
  return Object.fromEntries(ASKED.map((key) => [key, report[key] ?? null]));
}

function requests(report: ReplayReport, { input, output }: RequestSpreads): Json {
  const incomplete = (numberIn(report, "cancelled") ?? 0) + (numberIn(report, "left") ?? 0);
  return {
    total: report["sent"],
    failures: report["failed"],
    incomplete,
    input_length: statistics(input, "count"),
    output_length: statistics(output, "count"),
  };
}

function latency({ ttft, tpot, itl, e2e, perToken }: RequestSpreads): Json {
  return {
    time_to_first_token: statistics(ttft, "ms"),
    normalized_time_per_output_token: statistics(perToken, "ms/token"),
    time_per_output_token: statistics(tpot, "ms/token"),
    inter_token_latency: statistics(itl, "ms/token"),
    request_latency: statistics(e2e, "ms"),
  };
}

function throughput(report: ReplayReport): Json {
  const mean = (value: number | null, units: string): Json =>
    value === null ? null : { units, mean: value };
  return {
    input_token_rate: mean(perSecond(report, "total_input_tokens"), "tokens/s"),
    output_token_rate: mean(numberIn(report, "output_throughput"), "tokens/s"),
    total_token_rate: mean(numberIn(report, "total_token_throughput"), "tokens/s"),
    request_rate: mean(numberIn(report, "request_throughput"), "queries/s"),
  };
}

function statistics(spread: Spread, units: string): Json {
  const summary = spread.summary();
  if (summary === null) return null;
  const { mean, std, min, max, percentiles } = summary;
  const parts = [...NAMES].map(([percent, name]) => [name, percentiles.get(percent) ?? null] as const);
  return { units, mean, stddev: std, min, ...Object.fromEntries(parts), max };
}

function lengths(spread: Spread): Json {
  const summary: SpreadSummary | null = spread.summary();
  if (summary === null) return null;
  const { mean, std, min, max } = summary;
  return { distribution: "other", value: mean, std_dev: std, min: Math.round(min), max: Math.round(max) };
}

function perSecond(report: ReplayReport, key: string): number | null {
  const [amount, seconds] = [numberIn(report, key), numberIn(report, "duration")];
  return amount === null || seconds === null || seconds <= 0 ? null : amount / seconds;
}
