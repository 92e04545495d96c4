import type { RequestOutcome } from "../serving/traffic/traffic-observer.ts";
import type { Counted } from "./counted.ts";
import { PoolHistogram } from "./pool-histogram.ts";
import type { PrometheusText } from "./prometheus-text.ts";
import type { Readings } from "./readings.ts";

const TTFT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const ITL_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5];
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
  readonly #ended = new Map<string, Record<RequestOutcome, number>>();
  readonly #resent = new Map<string, number>();
  readonly #refused = new Map<string, Map<string, number>>();
  readonly #readings: Readings;
  #text: Promise<PrometheusText> | null = null;

  constructor(readings: Readings) {
    this.#readings = readings;
  }

  firstFrame(pool: string, sinceArrivalMs: number): void {
    this.#ttft.record(pool, sinceArrivalMs / 1000);
  }

  laterFrame(pool: string, sincePreviousMs: number): void {
    this.#itl.record(pool, sincePreviousMs / 1000);
  }

  /** The time until a client left or was refused says nothing about the answers: it is not in the histogram. */
  ended(pool: string, durationMs: number, outcome: RequestOutcome): void {
    this.#outcomesOf(pool)[outcome]++;
    if (outcome !== "cancelled" && outcome !== "refused") this.#duration.record(pool, durationMs / 1000);
  }

  /** Counters of a pool begin at 0, so that their first increase shows. @param reasons of refusals */
  begin(pool: string, reasons: readonly string[]): void {
    this.#outcomesOf(pool);
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
      times: [this.#ttft, this.#itl, this.#duration],
    };
    return new PrometheusText(counted, this.#readings);
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
