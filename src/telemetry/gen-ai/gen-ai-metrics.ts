import type { HistogramMetricData } from "@opentelemetry/sdk-metrics";
import type { Clock } from "../../lib/clock.ts";
import type { EndObserver, FlightEnd } from "../../serving/tracing/request-trace.ts";
import { apiOperation } from "./api-operation.ts";
import { LabelledHistogram } from "./labelled-histogram.ts";

/** Seconds; bounds as the conventions want them (semantic-conventions-genai, gen-ai-metrics.md). */
const DURATION = Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power);
const FIRST_TOKEN = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const OUTPUT_TOKEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

/** The measures of model servers in the words of the GenAI conventions, of all requests that are such operations. */
export class GenAiMetrics implements EndObserver {
  readonly #engineOf: (pool: string) => string;
  readonly #clock: Clock;
  readonly #duration: LabelledHistogram;
  readonly #firstToken: LabelledHistogram;
  readonly #outputToken: LabelledHistogram;

  /**
   * @param engineOf what kind of engine serves a pool, e.g. `vllm`
   * @param clock that of the flights' timing
   * @param startMs since 1970
   */
  constructor(engineOf: (pool: string) => string, clock: Clock, startMs: number) {
    this.#engineOf = engineOf;
    this.#clock = clock;
    this.#duration = new LabelledHistogram(
      "gen_ai.server.request.duration",
      "From the request's arrival to the last byte of its answer",
      DURATION,
      startMs,
    );
    this.#firstToken = new LabelledHistogram(
      "gen_ai.server.time_to_first_token",
      "From the request's arrival to the first token of a good answer",
      FIRST_TOKEN,
      startMs,
    );
    this.#outputToken = new LabelledHistogram(
      "gen_ai.server.time_per_output_token",
      "Time per token of a good answer, after its first",
      OUTPUT_TOKEN,
      startMs,
    );
  }

  /** The time until a client left says nothing of the server. */
  ended(pool: string, path: string, model: string, { outcome, errorType, timing, tokens }: FlightEnd): void {
    const operation = apiOperation(path);
    if (operation === null || outcome === "cancelled") return;
    const now = this.#clock.now();
    const { arrivalMs, firstFrameMs } = timing;
    const key = `${operation} ${pool} ${errorType} ${model}`;
    const general = () => ({
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": this.#engineOf(pool),
      "gen_ai.request.model": model,
    });
    const attributes = errorType === "" ? general : () => ({ ...general(), "error.type": errorType });
    this.#duration.record(key, attributes, (now - arrivalMs) / 1000);
    if (errorType !== "" || firstFrameMs === null) return;
    this.#firstToken.record(key, general, (firstFrameMs - arrivalMs) / 1000);
    const further = (tokens?.answer ?? 0) - 1;
    if (further > 0) this.#outputToken.record(key, general, (now - firstFrameMs) / further / 1000);
  }

  /** @param nowMs since 1970 */
  read(nowMs: number): readonly HistogramMetricData[] {
    return [this.#duration, this.#firstToken, this.#outputToken]
      .map((histogram) => histogram.read(nowMs))
      .filter(({ dataPoints }) => dataPoints.length > 0);
  }
}
