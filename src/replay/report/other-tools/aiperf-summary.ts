import type { Json } from "../json.ts";
import type { ReplayReport } from "../report.ts";
import { numberIn } from "../report-value.ts";
import type { RequestFigures } from "../request-figures.ts";
import { type AiperfError, aiperfError } from "./aiperf-record.ts";
import type { RequestSpreads } from "./request-spreads.ts";
import { Spread, type SpreadSummary } from "./spread.ts";

/** Of the shape that these keys have; aiperf 0.13 writes it. */
const SCHEMA_VERSION = "1.4";
/** Kinds of failures that are told apart. */
const MOST_ERRORS = 100;
const PERCENTS = [1, 5, 10, 25, 50, 75, 90, 95, 99];

/** What aiperf's `profile_export_aiperf.json` holds, of a run's requests: times count from the send. */
export class AiperfSummary {
  readonly #e2e = Spread.ofMs();
  readonly #ttft = Spread.ofMs();
  readonly #ttst = Spread.ofMs();
  readonly #perUser = Spread.ofMs();
  readonly #answer = Spread.ofCounts();
  readonly #reasoning = Spread.ofCounts();
  readonly #errorInput = Spread.ofCounts();
  readonly #errors = new Map<string, { readonly error: AiperfError; count: number }>();

  add(figures: RequestFigures): void {
    if (figures.warmUp) return;
    const error = aiperfError(figures);
    if (error !== null) {
      this.#errorInput.add(figures.inputTokens);
      this.#count(error);
      return;
    }
    const { sentTtftMs, sentE2eMs, ttftMs, e2eMs, itlMs, outputTokens, reasoningTokens } = figures;
    if (sentE2eMs !== null) this.#e2e.add(sentE2eMs);
    if (sentTtftMs !== null) this.#ttft.add(sentTtftMs);
    if (itlMs.length > 0) this.#ttst.add(itlMs[0]);
    const rest = ttftMs === null ? 0 : e2eMs - ttftMs;
    if (rest > 0 && outputTokens > 1) this.#perUser.add((1000 * (outputTokens - 1)) / rest);
    this.#answer.add(outputTokens - (reasoningTokens ?? 0));
    if (reasoningTokens !== null) this.#reasoning.add(reasoningTokens);
  }

  json(report: ReplayReport, spreads: RequestSpreads): ReplayReport {
    const { run, span } = spreads;
    const single = (name: string, unit: string, value: number | null): [string, Json][] =>
      value === null ? [] : [[name, { unit, avg: value }]];
    const all = (name: string, unit: string, summary: SpreadSummary | null): [string, Json][] =>
      summary === null ? [] : [[name, { unit, ...statistics(summary) }]];
    const errors = this.#errorInput.summary()?.count ?? 0;
    const good = numberIn(report, "request_goodput");
    const seconds = numberIn(report, "duration");
    return {
      schema_version: SCHEMA_VERSION,
      benchmark_id: run,
      ...Object.fromEntries([
        ...single("request_throughput", "requests/sec", numberIn(report, "request_throughput")),
        ...all("request_latency", "ms", this.#e2e.summary()),
        ...single("request_count", "requests", numberIn(report, "completed")),
        ...all("time_to_first_token", "ms", this.#ttft.summary()),
        ...all("time_to_second_token", "ms", this.#ttst.summary()),
        ...all("inter_token_latency", "ms", spreads.tpot.summary()),
        ...all("inter_chunk_latency", "ms", spreads.itl.summary()),
        ...single("output_token_throughput", "tokens/sec", numberIn(report, "output_throughput")),
        ...single("total_token_throughput", "tokens/sec", numberIn(report, "total_token_throughput")),
        ...all("output_token_throughput_per_user", "tokens/sec/user", this.#perUser.summary()),
        ...all("output_sequence_length", "tokens", spreads.output.summary()),
        ...all("input_sequence_length", "tokens", spreads.input.summary()),
        ...single("goodput", "requests/sec", good),
        ...single(
          "good_request_count",
          "requests",
          good === null || seconds === null ? null : Math.round(good * seconds),
        ),
        ...all("output_token_count", "tokens", this.#answer.summary()),
        ...all("reasoning_token_count", "tokens", this.#reasoning.summary()),
        ...single("min_request_timestamp", "ns", span === null ? null : Math.round(span[0] * 1000) * 1000),
        ...single("max_response_timestamp", "ns", span === null ? null : Math.round(span[1] * 1000) * 1000),
        ...single("benchmark_duration", "sec", seconds),
        ...single("total_isl", "tokens", numberIn(report, "total_input_tokens")),
        ...single("total_osl", "tokens", numberIn(report, "total_output_tokens")),
        ...single("error_request_count", "requests", errors === 0 ? null : errors),
        ...all("error_isl", "tokens", this.#errorInput.summary()),
      ]),
      run_info: { benchmark_id: run, random_seed: report["seed"] },
      was_cancelled: report["partial"] === "interrupted",
      is_complete: report["partial"] === null,
      incomplete_reason: report["partial"],
      error_summary: [...this.#errors.values()].map(({ error, count }) => ({
        error_details: { ...error },
        count,
      })),
      start_time: report["started_at"],
      end_time: report["ended_at"],
    };
  }

  #count(error: AiperfError): void {
    const key = JSON.stringify(error);
    const known = this.#errors.get(key);
    if (known !== undefined) known.count++;
    else if (this.#errors.size < MOST_ERRORS) this.#errors.set(key, { error, count: 1 });
  }
}

function statistics({
  count,
  mean,
  std,
  min,
  max,
  percentiles,
}: SpreadSummary): Readonly<Record<string, Json>> {
  return {
    avg: mean,
    ...Object.fromEntries(PERCENTS.map((percent) => [`p${percent}`, percentiles.get(percent) ?? null])),
    min,
    max,
    std,
    count,
    sum: mean * count,
  };
}
