import type { CountedTokens, RequestOutcome } from "../serving/traffic/traffic-observer.ts";
import type { Counted, TokenTotals } from "./counted.ts";
import { Exemplars } from "./exemplars.ts";
import { openMetricsText } from "./open-metrics.ts";
import { PoolHistogram } from "./pool-histogram.ts";
import type { PrometheusText } from "./prometheus-text.ts";
import type { Readings } from "./readings.ts";

/** From a bound to the next an eighth to a third more, where targets are. */
const TTFT_SECONDS = [
  0.01, 0.025, 0.035, 0.05, 0.07, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5,
  3.5, 5, 7, 10, 15, 30, 60,
];
const ITL_SECONDS = [
  0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.0225, 0.025, 0.03, 0.035,
  0.04, 0.05, 0.06, 0.075, 0.09, 0.1, 0.11, 0.125, 0.14, 0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1, 5,
];
/** Powers of two, and between them one and a half times each. */
const TOKENS = Array.from({ length: 17 }, (_, power) => [2 ** (power + 3), 1.5 * 2 ** (power + 3)]).flat();
const DURATION_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/**
 * Counts in plain tables; OpenTelemetry reads them at a scrape, and is loaded for the first one. Receives traffic from
 * serving/traffic/traffic-meter.ts.
 */
export class Metrics {
  readonly #ttft = new PoolHistogram(
    "plimsoll_ttft_seconds",
    "Arrival to the first frame with content",
    TTFT_SECONDS,
  );
  readonly #itl = new PoolHistogram("plimsoll_itl_seconds", "Between two frames with content", ITL_SECONDS);
  readonly #duration = new PoolHistogram(
    "plimsoll_request_seconds",
    "Arrival to the end of the response",
    DURATION_SECONDS,
  );
  readonly #prompt = new PoolHistogram(
    "plimsoll_prompt_tokens",
    "Tokens of prompts that were answered: as the engine counts them, else a fourth of their bytes",
    TOKENS,
  );
  readonly #answer = new PoolHistogram(
    "plimsoll_answer_tokens",
    "Tokens of answers: as the engine counts them, else frames with content",
    TOKENS,
  );
  readonly #tokens = new Map<string, TokenTotals>();
  readonly #ended = new Map<string, Record<RequestOutcome, number>>();
  readonly #resent = new Map<string, number>();
  readonly #refused = new Map<string, Map<string, number>>();
  readonly #exemplars = new Exemplars();
  readonly #readings: Readings;
  #text: Promise<PrometheusText> | null = null;

  constructor(readings: Readings) {
    this.#readings = readings;
  }

  firstFrame(pool: string, sinceArrivalMs: number, traceId: string | null = null): void {
    this.#time(this.#ttft, pool, sinceArrivalMs / 1000, traceId);
  }

  laterFrame(pool: string, sincePreviousMs: number): void {
    this.#itl.record(pool, sincePreviousMs / 1000);
  }

  /** The time until a client left or was refused says nothing about the answers: it is not in the histogram. */
  ended(pool: string, durationMs: number, outcome: RequestOutcome, traceId: string | null = null): void {
    this.#outcomesOf(pool)[outcome]++;
    if (outcome !== "cancelled" && outcome !== "refused")
      this.#time(this.#duration, pool, durationMs / 1000, traceId);
  }

  tokens(pool: string, { prompt, answer, cached, reported }: CountedTokens): void {
    this.#prompt.record(pool, prompt);
    if (answer !== null) this.#answer.record(pool, answer);
    const totals = this.#tokensOf(pool);
    if (reported) totals.reported++;
    else totals.estimated++;
    if (cached === null) return;
    totals.cached += Math.min(cached, prompt);
    totals.uncached += Math.max(0, prompt - cached);
  }

  /** Counters of a pool begin at 0, so that their first increase shows. @param reasons of refusals */
  begin(pool: string, reasons: readonly string[]): void {
    this.#outcomesOf(pool);
    this.#tokensOf(pool);
    add(this.#resent, pool, 0);
    this.beginRefusals(pool, reasons);
  }

  /** The same of refusals alone. @param pool empty for those of requests whose pool is not known */
  beginRefusals(pool: string, reasons: readonly string[]): void {
    for (const reason of reasons) add(this.#refusalsOf(pool), reason, 0);
  }

  resent(pool: string): void {
    add(this.#resent, pool, 1);
  }

  refused(pool: string, reason: string): void {
    add(this.#refusalsOf(pool), reason, 1);
  }

  /** Loads OpenTelemetry, which takes a moment: before there are streams that it would hold up. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** Everything in Prometheus' text format. */
  async text(): Promise<string> {
    return (await this.#open()).read();
  }

  /** The same as OpenMetrics has it, with the traces of single requests. */
  async openMetricsText(): Promise<string> {
    return openMetricsText(await this.text(), this.#exemplars);
  }

  async close(): Promise<void> {
    await (await this.#text)?.close();
  }

  #open(): Promise<PrometheusText> {
    return (this.#text ??= this.#load());
  }

  async #load(): Promise<PrometheusText> {
    const { PrometheusText } = await import("./prometheus-text.ts");
    const counted: Counted = {
      ended: this.#ended,
      resent: this.#resent,
      refused: this.#refused,
      tokens: this.#tokens,
      times: [this.#ttft, this.#itl, this.#duration, this.#prompt, this.#answer],
    };
    return new PrometheusText(counted, this.#readings);
  }

  #time(histogram: PoolHistogram, pool: string, seconds: number, traceId: string | null): void {
    const bound = histogram.record(pool, seconds);
    if (traceId !== null) this.#exemplars.keep(histogram.name, pool, bound, seconds, traceId);
  }

  #tokensOf(pool: string): TokenTotals {
    const known = this.#tokens.get(pool);
    if (known !== undefined) return known;
    const totals = { reported: 0, estimated: 0, cached: 0, uncached: 0 };
    this.#tokens.set(pool, totals);
    return totals;
  }

  #outcomesOf(pool: string): Record<RequestOutcome, number> {
    const known = this.#ended.get(pool);
    if (known !== undefined) return known;
    const outcomes = { ok: 0, client_error: 0, refused: 0, failed: 0, cancelled: 0 };
    this.#ended.set(pool, outcomes);
    return outcomes;
  }

  #refusalsOf(pool: string): Map<string, number> {
    const known = this.#refused.get(pool);
    if (known !== undefined) return known;
    const reasons = new Map<string, number>();
    this.#refused.set(pool, reasons);
    return reasons;
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
